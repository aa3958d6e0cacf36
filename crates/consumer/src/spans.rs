//! Spans of the pipeline for an OpenTelemetry collector (`[otlp]`): a batch, its claims, its requests, and the records of its outcomes.
//!
//! **Invariant.** Their fields are ids, counts, states and documented codes. No span contains a phone number, a text, a message id or a key.

use std::collections::HashSet;

use campaign::{CampaignId, Outcome, Provider, Seq};
use store::ClaimAnswer;
use telemetry::SPANS;
use tracing::field::Empty;
use tracing::{Span, trace_span};

use crate::batch::Batch;
use crate::recorder::Finished;
use crate::sender_worker::SenderWorker;

/// The story of one batch, until its last outcome is recorded.
pub(crate) fn batch(worker: &SenderWorker, batch: &Batch) -> Span {
    trace_span!(
        target: SPANS,
        parent: None,
        "process batch",
        otel.kind = "consumer",
        messaging.system = "rabbitmq",
        messaging.operation.r#type = "process",
        flowcast.recipients = batch.tasks.len(),
        flowcast.sender.id = worker.sender_id().0,
        flowcast.campaign.id = %batch.campaign,
    )
}

/// A claim of this many recipients.
pub(crate) fn claim(campaign: CampaignId, recipients: usize) -> Span {
    trace_span!(
        target: SPANS,
        "claim",
        otel.kind = "client",
        db.system.name = "postgresql",
        db.query.summary = "claim pending",
        flowcast.campaign.id = %campaign,
        flowcast.recipients = recipients,
        flowcast.claim.id = Empty,
    )
}

/// Adds the id of a granted claim.
pub(crate) fn note_claim(span: &Span, answer: &Result<ClaimAnswer, store::Error>) {
    if let Ok(ClaimAnswer::Granted(claim)) = answer {
        span.record("flowcast.claim.id", claim.id.0);
    }
}

/// A request to the provider for one recipient.
pub(crate) fn request(provider: Provider, campaign: CampaignId, seq: Seq) -> Span {
    trace_span!(
        target: SPANS,
        "POST",
        otel.name = %format_args!("POST {provider}"),
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = "POST",
        http.response.status_code = Empty,
        flowcast.campaign.id = %campaign,
        flowcast.seq = seq.0,
        flowcast.outcome = Empty,
        flowcast.code = Empty,
    )
}

/// Adds the answer of the provider and what follows from it.
pub(crate) fn note_answer(span: &Span, worker: &SenderWorker, status: Option<u16>, outcome: &Outcome) {
    if span.is_disabled() {
        return;
    }
    if let Some(status) = status {
        span.record("http.response.status_code", status);
    }
    let word = match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Retry { .. } => "retry",
        Outcome::FallBack { .. } => "fall_back",
        Outcome::Throttled { .. } => "throttled",
        Outcome::Failed { .. } => "failed",
        Outcome::Unknown { .. } => "unknown",
        Outcome::Held { .. } => "held",
    };
    span.record("flowcast.outcome", word);
    if let Some(reason) = outcome.reason() {
        span.record("otel.status_code", "ERROR");
        span.record("flowcast.code", worker.metrics.code_label(&reason.code));
    }
}

/// The record of outcomes: a span for each batch that they belong to, because one commit records outcomes of several batches.
pub(crate) fn record(campaign: CampaignId, finished: &[Finished]) -> Vec<Span> {
    let mut seen = HashSet::new();
    let batches = finished.iter().filter(|one| one.span.id().is_some_and(|id| seen.insert(id)));
    let records = batches.map(|Finished { span: batch, .. }| {
        trace_span!(
            target: SPANS,
            parent: batch,
            "record",
            otel.kind = "client",
            db.system.name = "postgresql",
            db.query.summary = "record outcomes",
            flowcast.campaign.id = %campaign,
            flowcast.outcomes = finished.len(),
        )
    });
    records.collect()
}
