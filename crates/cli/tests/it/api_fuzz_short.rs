//! The short run of the tests that make up requests for the HTTP API; `make faults` has the long one.

use crate::api_fuzz::no_request_fails_the_server;

#[tokio::test]
async fn no_request_fails_the_server_and_every_answer_is_as_documented() {
    no_request_fails_the_server("api_fuzz", 4).await;
}
