//! `/campaigns/{id}/preview` and `/campaigns/{id}/test`: what recipients will see.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use campaign::{CampaignId, Definition, Msisdn};
use control::{Preview, PreviewRequest, Problem, TestMessage, TestResult};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admission::Api;
use crate::body::{Path, Question, Write};
use crate::problem::Failure;
use crate::resources::changed;

/// What is previewed.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewBody {
    /// An edited definition that is not stored yet; left out: the definition of the campaign.
    #[serde(default)]
    #[schema(value_type = Option<super::campaigns::CampaignDefinition>)]
    definition: Option<Definition>,
    /// Recipients after this place of the list; left out: from the first.
    #[serde(default)]
    #[schema(minimum = 0)]
    after: i32,
    /// The number of recipients, 1 to 20; left out: 3.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 20)]
    limit: Option<u32>,
}

/// A test message.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Test {
    /// The phone number with its country code.
    to: String,
    /// Name of the sender; left out or `null`: the sender of the campaign.
    #[serde(default)]
    sender: Option<String>,
    /// Values of variables; every other variable has its name as value.
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

/// Fill in the message of a campaign for the first recipients
///
/// Nothing is stored or sent.
#[utoipa::path(post, path = "/campaigns/{id}/preview", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), request_body = Option<PreviewBody>,
    responses((status = 200, body = Preview)))]
pub(crate) async fn preview(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    Question { caller, body }: Question<PreviewBody>,
) -> Result<Json<Preview>, Failure> {
    let PreviewBody { definition, after, limit } = body;
    let request = PreviewRequest { definition, after, limit };
    Ok(Json(api.control.preview_campaign(&caller, CampaignId(id), request).await?))
}

/// Send the message of a campaign to one number, outside the counts of the campaign
///
/// The status is 200 also if the provider refuses the message; `verdict` says what the provider answered. If the server ends before
/// the provider answers, a repeated request is refused with 409, and nothing is sent again.
#[utoipa::path(post, path = "/campaigns/{id}/test", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), request_body = Test,
    responses((status = 200, body = TestResult)))]
pub(crate) async fn test(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    Write { caller, body }: Write<Test>,
) -> Result<Response, Failure> {
    let Test { to, sender, variables } = body;
    let to = Msisdn::parse(&to, None).map_err(|error| {
        Failure::of(Problem::InvalidBody, format!("to: {error}")).at("/to".into(), error.to_string())
    })?;
    let test = TestMessage { campaign: CampaignId(id), sender, to, variables };
    Ok(changed(StatusCode::OK, &api.control.send_test_once(&caller, &test).await?))
}
