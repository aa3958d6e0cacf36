//! The operations of fault tests on the services.

use std::time::Duration;

use devstack::{Error, Stack};
use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::time::timeout;

use crate::{database, eventually, listens, text};

async fn channel(url: &str) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

async fn declare(channel: &Channel) {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare("kept".into(), options, arguments).await.unwrap();
}

async fn publish(url: &str) {
    let (_connection, channel) = channel(url).await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    declare(&channel).await;
    let properties = BasicProperties::default().with_delivery_mode(2);
    let options = BasicPublishOptions::default();
    let confirm = channel.basic_publish("".into(), "kept".into(), options, b"1", properties).await.unwrap();
    confirm.await.unwrap();
}

#[tokio::test]
async fn rabbitmq_comes_back_after_a_kill_and_after_a_stop_with_its_messages() {
    let builder = Stack::builder().private().rabbitmq_config("consumer_timeout = 61000");
    let stack = builder.start().await.unwrap();
    let (rabbitmq, url) = (stack.rabbitmq(), stack.amqp_url());
    let setting = rabbitmq.ctl(&["eval", "application:get_env(rabbit, consumer_timeout)."]).await.unwrap();
    assert_eq!(setting.trim(), "{ok,61000}");
    publish(url).await;

    rabbitmq.flush_queue_directory().await.unwrap();
    rabbitmq.kill().await.unwrap();
    assert!(!listens(url));
    rabbitmq.start().await.unwrap();
    publish(url).await;

    rabbitmq.stop().await.unwrap();
    assert!(!listens(url));
    rabbitmq.start().await.unwrap();
    let (_connection, channel) = channel(url).await;
    for _ in 0..2 {
        let message = channel.basic_get("kept".into(), BasicGetOptions { no_ack: true }).await.unwrap();
        assert_eq!(message.expect("a message was lost").data, b"1");
    }
    assert!(rabbitmq.ctl(&["no_such_command"]).await.is_err());
}

#[tokio::test]
async fn postgres_comes_back_after_a_kill_and_after_a_stop_with_its_rows() {
    let stack = Stack::private().await.unwrap();
    let (postgres, url) = (stack.postgres(), stack.database_url());
    let client = database(url).await;
    assert_eq!(text(&client, "show fsync").await, "on");
    assert_eq!(text(&client, "show synchronous_commit").await, "on");
    client.batch_execute("create table kept (n int); insert into kept values (1)").await.unwrap();
    let busy = database(url).await;
    let busy = tokio::spawn(async move { busy.batch_execute("select pg_sleep(600)").await });
    let waiting =
        "select count(*)::text from pg_stat_activity where query like '%pg_sleep(600)' and state = 'active'";
    while text(&client, waiting).await != "1" {}

    postgres.kill().await.unwrap();
    assert!(!listens(url));
    assert!(busy.await.unwrap().is_err(), "a backend outlived the kill");
    postgres.start().await.unwrap();
    database(url).await.batch_execute("insert into kept values (2)").await.unwrap();

    postgres.stop().await.unwrap();
    assert!(!listens(url));
    postgres.start().await.unwrap();
    assert_eq!(
        text(&database(url).await, "select string_agg(n::text, ',' order by n) from kept").await,
        "1,2"
    );
}

#[tokio::test]
async fn frozen_services_stay_connected_and_answer_again_when_thawed() {
    let stack = Stack::private().await.unwrap();
    let client = database(stack.database_url()).await;
    let (_connection, channel) = channel(stack.amqp_url()).await;
    stack.postgres().freeze().await.unwrap();
    stack.rabbitmq().freeze().await.unwrap();

    let (short, long) = (Duration::from_millis(300), Duration::from_secs(30));
    let query = client.query_one("select 1", &[]);
    let declared = declare(&channel);
    tokio::pin!(query, declared);
    assert!(timeout(short, &mut query).await.is_err(), "a frozen Postgres answered");
    assert!(timeout(short, &mut declared).await.is_err(), "a frozen RabbitMQ answered");

    stack.postgres().thaw().await.unwrap();
    stack.rabbitmq().thaw().await.unwrap();
    timeout(long, query).await.unwrap().unwrap();
    timeout(long, declared).await.unwrap();
}

#[tokio::test]
async fn a_frozen_service_can_be_killed_and_is_gone_after_drop() {
    let stack = Stack::private().await.unwrap();
    let (amqp_url, database_url) = (stack.amqp_url().to_owned(), stack.database_url().to_owned());
    stack.rabbitmq().freeze().await.unwrap();
    stack.postgres().freeze().await.unwrap();
    stack.postgres().kill().await.unwrap();
    drop(stack);
    eventually("both ports are closed", || !listens(&amqp_url) && !listens(&database_url)).await;
}

#[tokio::test]
async fn services_that_were_given_cannot_be_stopped() {
    let owner = Stack::start().await.unwrap();
    let guest = Stack::builder().amqp_url(owner.amqp_url()).database_url(owner.database_url());
    let guest = guest.start().await.unwrap();
    assert!(matches!(guest.rabbitmq().kill().await, Err(Error::NotOurs(_))));
    assert!(matches!(guest.rabbitmq().ctl(&["status"]).await, Err(Error::NotOurs(_))));
    assert!(matches!(guest.postgres().stop().await, Err(Error::NotOurs(_))));
    assert!(matches!(guest.postgres().freeze().await, Err(Error::NotOurs(_))));
    drop(guest);
    assert!(
        listens(owner.amqp_url()) && listens(owner.database_url()),
        "dropping a guest stopped the services"
    );
}
