//! Rights of roles, and callers that are limited to senders.

use std::collections::BTreeSet;

use campaign::{CampaignId, Resolution};
use control::{Action, Caller, Error, Export, Problem, Resolve, Retry, Right, Role, TestMessage};
use producer::ExportFormat;
use store::{RecipientFilter, ResendClass};

use crate::texts::{flow, template};
use crate::world::{World, anna, definition, with_role};

/// Performs an action on a campaign; `None` if another test performs it.
async fn perform(
    world: &World,
    caller: &Caller,
    action: Action,
    id: CampaignId,
) -> Option<Result<(), Error>> {
    let control = &world.control;
    let nobody = CampaignId(999_999);
    Some(match action {
        Action::CreateCampaign => control.create_campaign(caller, &definition("main")).await.map(drop),
        Action::EditCampaign => control.edit_campaign(caller, id, 99, &definition("main")).await.map(drop),
        Action::CloneCampaign => control.clone_campaign(caller, nobody, None).await.map(drop),
        Action::DeleteCampaign => control.delete_campaign(caller, nobody).await.map(drop),
        Action::CheckCampaign => control.check_campaign(caller, id).await.map(drop),
        Action::RequestStart => control.request_start(caller, nobody, None).await.map(drop),
        Action::StartCampaign => control.start_campaign(caller, nobody, None).await.map(drop),
        Action::PauseCampaign => control.pause_campaign(caller, nobody).await.map(drop),
        Action::ResumeCampaign => control.resume_campaign(caller, nobody).await.map(drop),
        Action::EndCampaign => control.end_campaign(caller, nobody).await.map(drop),
        Action::RetryRecipients => {
            let retry = Retry { class: ResendClass::Failed, code: None, reason: "test".into() };
            control.retry_recipients(caller, nobody, &retry).await.map(drop)
        }
        Action::ResolveRecipients => {
            let resolve = Resolve { resolution: Resolution::Resend, seqs: Vec::new(), reason: "test".into() };
            control.resolve_recipients(caller, nobody, &resolve).await.map(drop)
        }
        Action::ImportList => world.import(caller, nobody, "0712000001;Anna\n").await.map(drop),
        Action::ExportRecipients => {
            let export = Export { who: RecipientFilter::Failed, format: ExportFormat::Csv };
            match control.export(caller, id, export, Vec::new()).await {
                Ok(_) => Ok(()),
                Err(control::ExportError::Action(error)) => Err(error),
                Err(error) => panic!("{error}"),
            }
        }
        Action::TestCampaign => {
            let to = campaign::Msisdn::from_digits(254_712_000_001).unwrap();
            let test = TestMessage { campaign: nobody, sender: None, to, variables: [].into() };
            control.show_test(caller, &test).await.map(drop)
        }
        Action::SetFlow => control.set_flow(caller, "main", "1", &flow("Survey")).await.map(drop),
        Action::RemoveFlow => control.remove_flow(caller, "main", "none").await.map(drop),
        Action::SetTemplate => {
            control.set_template(caller, "main", ("visit", "en"), &template("Hi {{1}}")).await.map(drop)
        }
        Action::RemoveTemplate => control.remove_template(caller, "main", ("none", "en")).await.map(drop),
        Action::View => control.report(caller, id).await.map(drop),
        _ => return None,
    })
}

#[tokio::test]
async fn a_role_may_do_what_its_rights_say_and_nothing_else() {
    let world = World::new("control_rights").await;
    let id = world.ready(&anna()).await;
    let mut performed = 0;
    for role in Role::ALL {
        let caller = with_role(role);
        for action in Action::ALL {
            let Some(result) = perform(&world, &caller, action, id).await else { continue };
            let is_forbidden = result.is_err_and(|error| error.problem() == Problem::Forbidden);
            assert_eq!(
                is_forbidden,
                !action.right().is_none_or(|right| caller.rights.has(right)),
                "{role} {}",
                action.word()
            );
            performed += 1;
        }
    }
    assert_eq!(performed, 4 * 20);
    world.close().await;
}

#[tokio::test]
async fn a_caller_who_is_limited_to_senders_does_not_see_campaigns_of_others() {
    let world = World::new("control_limited").await;
    let (control, anna) = (&world.control, anna());
    let hidden = world.ready(&anna).await;
    let limited = Caller { senders: Some(BTreeSet::from(["other".to_owned()])), ..anna.clone() };
    let own = control.create_campaign(&limited, &definition("other")).await.unwrap().result.campaign_id;
    let missing = control.report(&anna, CampaignId(999_999)).await.unwrap_err().to_string();
    for action in Action::ALL {
        let Some(result) = perform(&world, &limited, action, hidden).await else { continue };
        let error = result.expect_err(action.word());
        assert_eq!(error.problem(), Problem::NotFound, "{}", action.word());
        // A hidden campaign looks like one that does not exist.
        let expected = missing.replace("999999", &hidden.to_string());
        assert!(
            [&expected, &missing, &store::Error::no_sender("main").to_string()].contains(&&error.to_string()),
            "{}: {error}",
            action.word()
        );
    }
    let seen = control.campaigns(&limited, None, 50).await.unwrap();
    assert_eq!(seen.iter().map(|report| report.campaign_id).collect::<Vec<_>>(), [own]);
    let stolen = control.edit_campaign(&limited, CampaignId(own), 1, &definition("main")).await;
    assert_eq!(stolen.unwrap_err().problem(), Problem::NotFound);
    let copied = control.clone_campaign(&limited, hidden, None).await;
    assert_eq!(copied.unwrap_err().problem(), Problem::NotFound);
    world.close().await;
}

#[test]
fn each_right_is_needed_by_an_action() {
    let needed: BTreeSet<Right> = Action::ALL.iter().filter_map(|action| action.right()).collect();
    let unused: Vec<Right> = Right::ALL.into_iter().filter(|right| !needed.contains(right)).collect();
    assert_eq!(unused, []);
}
