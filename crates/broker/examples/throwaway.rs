//! throwaway
#![allow(
    clippy::all,
    clippy::pedantic,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    missing_docs
)]
use broker::*;
use tokio_util::sync::CancellationToken;
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
#[tokio::main]
async fn main() {
    let n: usize = std::env::args().nth(1).map_or(100_000, |a| a.parse().unwrap());
    let mut config = Config::new(std::env::var("AMQP_URL").unwrap().into());
    config.prefix = format!("bench{}", std::process::id());
    let queue = config.topology().sender_queue(1);
    let stop = CancellationToken::new();
    let (publisher, task) = Publisher::start(config.clone(), stop.clone());
    publisher.declare(&queue).await.unwrap();
    let consume = async |prefetch: u16, max: usize, n: usize| {
        let mut consumer = Consumer::start(config.clone(), queue.clone(), prefetch, &stop);
        let settler = consumer.settler();
        let mut buffer = Vec::new();
        consumer.recv_many(&mut buffer, max).await;
        let (c, t) = (cpu(), std::time::Instant::now());
        let (mut got, mut batches) = (0, 0);
        loop {
            got += buffer.len();
            batches += 1;
            settler.settle_many(buffer.drain(..).map(|d| (d.receipt, Settlement::Done)).collect());
            if got >= n {
                break;
            }
            consumer.recv_many(&mut buffer, max).await;
        }
        println!(
            "  consume prefetch {prefetch} max {max}: {:.0}/s, client {:.1} us/msg, avg batch {}",
            got as f64 / t.elapsed().as_secs_f64(),
            (cpu() - c) * 1e6 / got as f64,
            got / batches
        );
        assert!(consumer.close(std::time::Duration::from_secs(5)).await);
    };
    for (batch, prefetch, max) in [
        (200usize, 300u16, 50usize),
        (500, 500, 100),
        (1000, 1000, 100),
        (5000, 1000, 200),
        (100_000, 1000, 1000),
    ] {
        let (c, t) = (cpu(), std::time::Instant::now());
        let mut sent = 0;
        while sent < n {
            let b = batch.min(n - sent);
            publisher.publish(&queue, vec![vec![b'x'; 60]; b]).await.unwrap();
            sent += b;
        }
        println!(
            "publish batches of {batch}: {:.0}/s, client {:.1} us/msg",
            n as f64 / t.elapsed().as_secs_f64(),
            (cpu() - c) * 1e6 / n as f64
        );
        consume(prefetch, max, n).await;
    }
    println!("depth {}", publisher.depth(&queue).await.unwrap());
    stop.cancel();
    task.await.unwrap();
}
