// The fair job with amqplib, undici and pg, by their authors' advice.
//
// - A prefetch bounds how many messages are under way, and each is acknowledged when its work is done:
//   https://amqp-node.github.io/amqplib/channel_api.html#channel_prefetch
// - One pool of keep-alive connections to one origin, and a body that is read to its end:
//   https://undici.nodejs.org/#/docs/api/Pool
// - A pool of connections and named statements, which are prepared once:
//   https://node-postgres.com/features/queries#prepared-statements

import amqp from "amqplib";
import pg from "pg";
import { Pool } from "undici";

const { AMQP_URL, DATABASE_URL, PEER_QUEUE, PEER_PROVIDER_URL, PEER_PROVIDER_KEY } = process.env;
const CONCURRENCY = Number(process.env.PEER_CONCURRENCY);
const CONNECTIONS = 16;

const CLAIM =
  "update jobs set state = 'sending', claimed_at = clock_timestamp() " +
  "where id = $1 and state <> 'accepted' returning msisdn, first_name";
const RECORD =
  "update jobs set state = 'accepted', provider_message_id = $1, recorded_at = clock_timestamp() where id = $2";

const provider = new URL(PEER_PROVIDER_URL);
const http = new Pool(provider.origin, { connections: CONCURRENCY });
const database = new pg.Pool({ connectionString: DATABASE_URL, max: CONNECTIONS });
const headers = { authorization: `Bearer ${PEER_PROVIDER_KEY}`, "content-type": "application/json" };

function message(job, { msisdn, first_name }) {
  return {
    messaging_product: "whatsapp",
    recipient_type: "individual",
    to: msisdn,
    type: "interactive",
    interactive: {
      type: "flow",
      header: { type: "text", text: "Two questions" },
      body: { text: `Hello ${first_name}, how was your visit? It takes one minute.` },
      footer: { text: "Reply STOP to opt out" },
      action: {
        name: "flow",
        parameters: {
          flow_message_version: "3",
          flow_id: "1197715005513101",
          flow_cta: "Open survey",
          flow_token: `job-${job}`,
          mode: "published",
          flow_action: "navigate",
          flow_action_payload: { screen: "WELCOME", data: { first_name } },
        },
      },
    },
    biz_opaque_callback_data: `job-${job}`,
  };
}

async function deliver(job) {
  const claimed = await database.query({ name: "claim", text: CLAIM, values: [job] });
  if (claimed.rowCount === 0) return;
  const body = JSON.stringify(message(job, claimed.rows[0]));
  const answer = await http.request({ path: provider.pathname, method: "POST", headers, body });
  const answered = await answer.body.json();
  if (answer.statusCode !== 200) throw new Error(`the provider answered ${answer.statusCode}`);
  await database.query({ name: "record", text: RECORD, values: [answered.messages[0].id, job] });
}

const connection = await amqp.connect(AMQP_URL);
const channel = await connection.createChannel();
await channel.prefetch(CONCURRENCY);
const underWay = new Set();

async function take(incoming) {
  try {
    await deliver(Number(incoming.content.toString()));
    channel.ack(incoming);
  } catch (error) {
    console.error(error.message);
    channel.nack(incoming);
  }
}

const { consumerTag } = await channel.consume(PEER_QUEUE, (incoming) => {
  const taken = take(incoming).finally(() => underWay.delete(taken));
  underWay.add(taken);
});

process.once("SIGTERM", async () => {
  await channel.cancel(consumerTag);
  await Promise.all(underWay);
  await channel.close();
  await connection.close();
  await Promise.all([database.end(), http.close()]);
});
