//! The HTTP API under nine minutes of made-up requests.

use crate::api_fuzz::no_request_fails_the_server;

#[tokio::test]
async fn no_request_fails_the_server_in_nine_minutes() {
    no_request_fails_the_server("faults_api", 60).await;
}
