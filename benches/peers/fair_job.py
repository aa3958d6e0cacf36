"""What the Python peers share: where they find everything, and the one request of the fair job.

The job, for each message: claim (committed), POST, outcome with the provider's id (committed), acknowledge.
"""

import os

AMQP_URL = os.environ["AMQP_URL"]
DATABASE_URL = os.environ["DATABASE_URL"]
QUEUE = os.environ["PEER_QUEUE"]
PROVIDER_URL = os.environ["PEER_PROVIDER_URL"]
PROVIDER_KEY = os.environ["PEER_PROVIDER_KEY"]
CONCURRENCY = int(os.environ["PEER_CONCURRENCY"])

HEADERS = {"Authorization": f"Bearer {PROVIDER_KEY}", "Content-Type": "application/json"}

CLAIM = (
    "update jobs set state = 'sending', claimed_at = clock_timestamp() "
    "where id = {} and state <> 'accepted' returning msisdn, first_name"
)
RECORD = (
    "update jobs set state = 'accepted', provider_message_id = {}, recorded_at = clock_timestamp() where id = {}"
)


def message(job, msisdn, first_name):
    """The body of one request, about 600 bytes of JSON."""
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": msisdn,
        "type": "interactive",
        "interactive": {
            "type": "flow",
            "header": {"type": "text", "text": "Two questions"},
            "body": {"text": f"Hello {first_name}, how was your visit? It takes one minute."},
            "footer": {"text": "Reply STOP to opt out"},
            "action": {
                "name": "flow",
                "parameters": {
                    "flow_message_version": "3",
                    "flow_id": "1197715005513101",
                    "flow_cta": "Open survey",
                    "flow_token": f"job-{job}",
                    "mode": "published",
                    "flow_action": "navigate",
                    "flow_action_payload": {"screen": "WELCOME", "data": {"first_name": first_name}},
                },
            },
        },
        "biz_opaque_callback_data": f"job-{job}",
    }
