"""The fair job with aio-pika, aiohttp and asyncpg on uvloop, by their authors' advice.

- A prefetch bounds how many messages are under way, and each is acknowledged when its work is done:
  https://docs.aio-pika.com/quick-start.html
- One session with keep-alive for all requests: https://docs.aiohttp.org/en/stable/http_request_lifecycle.html
- A pool of connections, which prepare statements that come again: https://magicstack.github.io/asyncpg/current/usage.html
"""

import asyncio
import signal

import aio_pika
import aiohttp
import asyncpg
import fair_job
import uvloop

CLAIM = fair_job.CLAIM.format("$1")
RECORD = fair_job.RECORD.format("$1", "$2")
CONNECTIONS = 16


class Peer:
    def __init__(self, database, http):
        self.database = database
        self.http = http

    async def deliver(self, job):
        row = await self.database.fetchrow(CLAIM, job)
        if row is None:
            return
        body = fair_job.message(job, row["msisdn"], row["first_name"])
        async with self.http.post(fair_job.PROVIDER_URL, json=body) as answer:
            answer.raise_for_status()
            answered = await answer.json()
        await self.database.execute(RECORD, answered["messages"][0]["id"], job)

    async def take(self, incoming):
        # Acknowledges at the end of the block; on an exception the message goes back to the queue.
        async with incoming.process(requeue=True):
            await self.deliver(int(incoming.body))


async def main():
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    database = await asyncpg.create_pool(fair_job.DATABASE_URL, min_size=CONNECTIONS, max_size=CONNECTIONS)
    connector = aiohttp.TCPConnector(limit=fair_job.CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector, headers=fair_job.HEADERS) as http:
        connection = await aio_pika.connect_robust(fair_job.AMQP_URL)
        async with connection:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=fair_job.CONCURRENCY)
            queue = await channel.get_queue(fair_job.QUEUE)
            await queue.consume(Peer(database, http).take)
            await stopped.wait()
    await database.close()


uvloop.run(main())
