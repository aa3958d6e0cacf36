//! A low-level HTTP client that shows broken answers unchanged.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use simulator::{Config, Msisdn, Running, Simulator};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

pub(crate) const PATH: &str = "/v2/HXSIMULATOR00IN/whatsapp/919900000000/messages";
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
pub(crate) const KEY: (&str, &str) = ("api-key", "simulator-key");
/// The time limit of every wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn start(config: Config) -> Running {
    Simulator::start(config).await.unwrap()
}

pub(crate) type Headers<'a> = &'a [(&'a str, &'a str)];

/// A connection that is kept alive.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The headers, with names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// How the body ended, if not at its announced length.
    pub(crate) broken: Option<io::ErrorKind>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Sends a message with correct path, headers and key, and this body.
    pub(crate) async fn post(&mut self, body: &Value) -> Answer {
        self.try_post(body).await.unwrap()
    }

    pub(crate) async fn try_post(&mut self, body: &Value) -> io::Result<Answer> {
        self.send("POST", PATH, &[JSON, KEY], body.to_string().as_bytes()).await
    }

    pub(crate) async fn admin(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, &[JSON], body.to_string().as_bytes()).await.unwrap()
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: Headers<'_>,
        body: &[u8],
    ) -> io::Result<Answer> {
        self.write(method, path, headers, body).await?;
        tokio::time::timeout(PATIENCE, self.read()).await?
    }

    pub(crate) async fn write(
        &mut self,
        method: &str,
        path: &str,
        headers: Headers<'_>,
        body: &[u8],
    ) -> io::Result<()> {
        let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let headers = headers.concat();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat()).await
    }

    pub(crate) async fn read(&mut self) -> io::Result<Answer> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new(), broken: None };
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        while answer.body.len() < length {
            let mut piece = vec![0; (length - answer.body.len()).min(1 << 16)];
            match self.stream.read(&mut piece).await {
                Ok(0) => answer.broken = Some(io::ErrorKind::UnexpectedEof),
                Ok(n) => answer.body.extend_from_slice(&piece[..n]),
                Err(error) => answer.broken = Some(error.kind()),
            }
            if answer.broken.is_some() {
                break;
            }
        }
        Ok(answer)
    }

    /// The next byte, or `None` at the end of the connection.
    pub(crate) async fn next_byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut byte)).await??;
        Ok((read == 1).then_some(byte[0]))
    }

    pub(crate) fn local_port(&self) -> u16 {
        self.stream.get_ref().local_addr().unwrap().port()
    }
}

pub(crate) fn msisdn(text: &str) -> Msisdn {
    text.parse().unwrap()
}

/// The complete message of the provider's documentation page.
pub(crate) fn message(to: &str) -> Value {
    json!({
        "messaging_object": {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": to,
            "type": "interactive",
            "interactive": {
                "type": "flow",
                "header": {"type": "text", "text": "Survey"},
                "body": {"text": "Two questions, one minute."},
                "footer": {"text": "STOP to opt out"},
                "action": {
                    "name": "flow",
                    "parameters": {
                        "flow_message_version": "3",
                        "flow_token": "018f3c1e-7b7e-7cc0-9d0e-0d2a4b5c6d7e",
                        "flow_id": "1197715005513101",
                        "flow_cta": "Open survey",
                        "mode": "published",
                        "flow_action": "navigate",
                        "flow_action_payload": {"screen": "WELCOME", "data": {"first_name": "Anna"}}
                    }
                }
            }
        },
        "extra_info": {"ref": "c17.r000042", "ref1": "campaign-17", "ref2": "attempt-1", "wa_source": "api"}
    })
}

/// A template with a flow button.
pub(crate) fn template(to: &str) -> Value {
    json!({
        "messaging_object": {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": to,
            "type": "template",
            "template": {
                "name": "course_signup",
                "language": {"code": "en_US"},
                "components": [
                    {"type": "body", "parameters": [{"type": "text", "text": "Anna"}]},
                    {"type": "button", "sub_type": "flow", "index": "0", "parameters": [{"type": "action", "action": {
                        "flow_token": "c17.r000042", "flow_action_data": {"first_name": "Anna"}
                    }}]}
                ]
            }
        },
        "extra_info": {"ref": "c17.r000042"}
    })
}

/// The value with one member, given as a JSON pointer, set or removed.
pub(crate) fn with(mut value: Value, pointer: &str, new: Option<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let place = value.pointer_mut(parent).unwrap_or_else(|| panic!("nothing at {parent}"));
    match (place, new) {
        (Value::Object(members), Some(new)) => {
            members.insert(name.to_owned(), new);
        }
        (Value::Object(members), None) => {
            members.remove(name).unwrap_or_else(|| panic!("nothing at {pointer}"));
        }
        (Value::Array(items), Some(new)) => items[name.parse::<usize>().unwrap()] = new,
        (place, _) => panic!("{pointer} lies in {place}"),
    }
    value
}
