//! The effect of HTTP/2: the same requests by the same client over HTTP/1.1, with and without TLS, and over HTTP/2.
//!
//! The client must trust the certificate of this measurement only, and reads its trusted certificates from its
//! environment. So a separate process of this program sends the requests. The server is in the same process and only
//! answers; the CPU time is that of both.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use campaign::{CampaignId, Message, Msisdn, Provider, ReferenceKey, Seq, Verdict};
use futures::StreamExt;
use futures::stream;
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use whatsapp::{Account, Channel, Client, Outgoing};

use crate::ceilings::example_message;
use crate::figures::{CPU_MICROS, Figures, PER_SECOND};
use crate::output::{line, number};
use crate::stand::Stand;

/// Makes a process of this program the client. The value is the folder with the client's only trusted certificate.
pub(crate) const CHILD: &str = "FLOWCAST_BENCH_PROTOCOLS";
/// Requests in flight, as in the consumer.
const IN_FLIGHT: usize = 400;
const LATENCIES: [Duration; 2] = [Duration::ZERO, Duration::from_millis(50)];
/// The most requests of one measurement.
const MOST: u32 = 40_000;

/// A protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Plain,
    Tls,
    Http2,
}

impl Protocol {
    const ALL: [Self; 3] = [Self::Plain, Self::Tls, Self::Http2];

    fn words(self) -> &'static str {
        match self {
            Self::Plain => "HTTP/1.1 without TLS",
            Self::Tls => "HTTP/1.1 over TLS",
            Self::Http2 => "HTTP/2 over TLS",
        }
    }
}

/// Measures every protocol with every latency, in a separate process.
pub(crate) async fn run(recipients: u32, figures: &mut Figures) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    std::fs::write(folder.path().join("certificate.pem"), made.cert.pem())?;
    std::fs::write(folder.path().join("certificate.der"), made.cert.der())?;
    std::fs::write(folder.path().join("key.der"), made.signing_key.serialize_der())?;
    let output = Command::new(std::env::current_exe()?)
        .arg("protocols")
        .args(["--recipients", &recipients.to_string()])
        .env(CHILD, folder.path())
        .env("SSL_CERT_FILE", folder.path().join("certificate.pem"))
        .stderr(Stdio::inherit())
        .output()
        .await?;
    anyhow::ensure!(output.status.success(), "measuring the protocols ended with {}", output.status);
    for measured in String::from_utf8(output.stdout)?.lines() {
        let (what, values) = measured.split_once('\t').context("an invalid line")?;
        let (per_second, micros) = values.split_once('\t').context("an invalid line")?;
        let (per_second, micros): (f64, f64) = (per_second.parse()?, micros.parse()?);
        figures.add(what, PER_SECOND, per_second);
        figures.add(format!("{what}: client and server"), CPU_MICROS, micros);
        line(format!("  {what} {}/s, {} µs CPU each", number(per_second), number(micros)));
    }
    Ok(())
}

/// The work of the separate process; prints a line for each measurement.
pub(crate) async fn measure(folder: &Path, recipients: u32) -> anyhow::Result<()> {
    let message = example_message()?;
    for latency in LATENCIES {
        for way in Protocol::ALL {
            let requests = recipients.min(MOST);
            let (address, _server) = serve(folder, way, latency).await?;
            let channel = channel(way, address)?;
            // Connections are made before the clock starts.
            send(&channel, &message, u32::try_from(IN_FLIGHT)?).await?;
            let (cpu, began) = (Stand::own_cpu()?, Instant::now());
            send(&channel, &message, requests).await?;
            let all = f64::from(requests);
            let per_second = all / began.elapsed().as_secs_f64();
            let micros = Stand::own_cpu()?.saturating_sub(cpu).as_secs_f64() * 1e6 / all;
            let what = format!("{}, {} ms", way.words(), latency.as_millis());
            line(format!("{what}\t{per_second}\t{micros}"));
        }
    }
    Ok(())
}

async fn send(channel: &Channel, message: &Message, requests: u32) -> anyhow::Result<()> {
    let key = ReferenceKey::new([7; 16]);
    let mut sends = stream::iter(1..=requests)
        .map(|n| {
            let key = &key;
            async move {
                let to = Msisdn::from_digits(254_712_000_000 + u64::from(n)).context("an invalid number")?;
                let reference = key.seal(CampaignId(1), Seq(i32::try_from(n)?));
                let outgoing = Outgoing { to, message, reference, campaign: CampaignId(1), attempt: 1 };
                let answer = channel.send(&outgoing).await;
                anyhow::ensure!(matches!(answer.verdict, Verdict::Accepted { .. }), "{:?}", answer.verdict);
                Ok(())
            }
        })
        .buffer_unordered(IN_FLIGHT);
    while let Some(sent) = sends.next().await {
        sent?;
    }
    Ok(())
}

fn channel(way: Protocol, address: SocketAddr) -> anyhow::Result<Channel> {
    let base_url = match way {
        Protocol::Plain => format!("http://{address}"),
        Protocol::Tls | Protocol::Http2 => format!("https://localhost:{}", address.port()),
    };
    let account = Account {
        provider: Provider::Kaleyra,
        base_url: base_url.parse()?,
        account: Some(crate::stand::ACCOUNT.to_owned()),
        number: crate::stand::NUMBER.to_owned(),
        api_key: SecretString::from(crate::stand::KEY),
        plus_in_path: true,
        api_version: None,
    };
    let config = whatsapp::Config { http2: way == Protocol::Http2, ..whatsapp::Config::default() };
    Ok(Channel::new(Client::new(&config)?, &account)?)
}

/// A server that answers every request after this latency. It ends when the task is dropped.
async fn serve(
    folder: &Path,
    way: Protocol,
    latency: Duration,
) -> anyhow::Result<(SocketAddr, tokio::task::JoinSet<()>)> {
    let acceptor = acceptor(folder)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut server = tokio::task::JoinSet::new();
    server.spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                match way {
                    Protocol::Plain => talk(stream, false, latency).await,
                    Protocol::Tls | Protocol::Http2 => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            talk(stream, way == Protocol::Http2, latency).await;
                        }
                    }
                }
            });
        }
    });
    Ok((address, server))
}

fn acceptor(folder: &Path) -> anyhow::Result<TlsAcceptor> {
    let certificate = std::fs::read(folder.join("certificate.der"))?.into();
    let key = PrivateKeyDer::Pkcs8(std::fs::read(folder.join("key.der"))?.into());
    let mut config = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    // The client chooses one of them.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// One connection. The client notices how it ends.
async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, http2: bool, latency: Duration) {
    let stream = TokioIo::new(stream);
    let answer = service_fn(move |request| answer(request, latency));
    if http2 {
        drop(
            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(stream, answer)
                .await,
        );
    } else {
        drop(hyper::server::conn::http1::Builder::new().serve_connection(stream, answer).await);
    }
}

/// Kaleyra's acceptance, after the request was read.
async fn answer(request: Request<Incoming>, latency: Duration) -> Result<Response<String>, Infallible> {
    let mut body = request.into_body();
    while std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await.is_some() {}
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    Ok(Response::new(r#"{"code":"WA202","message":"","data":{"message_id":"A1"},"error":{}}"#.to_owned()))
}
