//! Metrics for whoever watches over many nodes: one page in the text format of OpenMetrics, over
//! HTTP/1.1, at an address that the operator names.
//!
//! Clients are strangers. A request is a few lines and has a few seconds; there are a few
//! connections at once, each for one request; the node is looked at once a second at most, however
//! many ask.

mod page;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bft_crdts::node::{Address, AddressError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::door;
use crate::failure::Failure;
use crate::kinds::Service;
use crate::name;
use crate::service::Desk;
use page::Sample;

/// Connections at once.
const CONNECTIONS: usize = 16;
/// How long a connection may last.
const LASTS: Duration = Duration::from_secs(5);
/// Bytes of a request, and its lines.
const REQUEST: usize = 8 << 10;
const LINES: usize = 64;
/// For how long a page is good.
const FRESH: Duration = Duration::from_secs(1);
/// How long the replica may take to say where it stands.
const PATIENCE: Duration = Duration::from_secs(3);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Where metrics are served: `HOST:PORT`, or a port of this machine alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint(Address);

impl FromStr for Endpoint {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.parse::<u16>() {
            Ok(port) => Ok(Self(SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())),
            Err(_) => text.parse().map(Self),
        }
    }
}

/// The socket at which metrics are to be served, and where it is.
pub(crate) async fn listen(endpoint: &Endpoint) -> Result<(TcpListener, SocketAddr), Failure> {
    let Endpoint(address) = endpoint;
    let open = async {
        let listener = TcpListener::bind(name::socket(address)?).await?;
        let bound = listener.local_addr()?;
        io::Result::Ok((listener, bound))
    };
    let opened = open.await;
    opened.map_err(|error| Failure::Metrics(address.clone(), error))
}

/// Answers until it is dropped.
pub(crate) async fn serve<A: Service>(listener: TcpListener, desk: Desk<A>) {
    let pages = Arc::new(Pages {
        desk,
        newest: Mutex::default(),
    });
    let converse = |(stream, _)| {
        let pages = Arc::clone(&pages);
        // Whoever is gone, or slow, needs no answer.
        async move { drop(timeout(LASTS, converse(stream, &pages)).await) }
    };
    door::keep(CONNECTIONS, || listener.accept(), converse).await;
}

async fn converse<A: Service>(mut stream: TcpStream, pages: &Pages<A>) -> io::Result<()> {
    let answer = match read(&mut stream).await? {
        Ok(Asked { method, path }) => answer(&method, &path, pages).await,
        Err(refused) => refused,
    };
    stream.write_all(&answer.bytes()).await?;
    stream.shutdown().await?;
    // What else was said is read, or the answer might be lost with it.
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// What a request asks for.
struct Asked {
    method: String,
    path: String,
}

/// Reads up to the end of a request's head; what follows it is not looked at.
async fn read(stream: &mut TcpStream) -> io::Result<Result<Asked, Response>> {
    let mut head = Vec::new();
    loop {
        let mut lines = [httparse::EMPTY_HEADER; LINES];
        let mut request = httparse::Request::new(&mut lines);
        match request.parse(&head) {
            Ok(httparse::Status::Complete(_)) => {
                let [method, path] = [request.method, request.path].map(Option::unwrap_or_default);
                let (method, path) = (method.to_owned(), path.to_owned());
                return Ok(Ok(Asked { method, path }));
            }
            Ok(httparse::Status::Partial) if head.len() < REQUEST => {}
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return Ok(Err(Response::plain("431 Request Header Fields Too Large")));
            }
            Err(_) => return Ok(Err(Response::plain("400 Bad Request"))),
        }
        let mut more = [0; 1024];
        match stream.read(&mut more).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => head.extend_from_slice(&more[..count]),
        }
    }
}

async fn answer<A: Service>(method: &str, path: &str, pages: &Pages<A>) -> Response {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    match (method, path) {
        ("GET" | "HEAD", "/metrics") => match pages.newest().await {
            Some(page) => Response {
                with_body: method == "GET",
                kind: OPEN_METRICS,
                ..Response::of("200 OK", page)
            },
            None => Response::plain("503 Service Unavailable"),
        },
        ("GET" | "HEAD", _) => Response::plain("404 Not Found"),
        _ => Response::plain("405 Method Not Allowed"),
    }
}

struct Response {
    status: &'static str,
    kind: &'static str,
    body: Arc<str>,
    with_body: bool,
}

impl Response {
    fn of(status: &'static str, body: Arc<str>) -> Self {
        Self {
            status,
            kind: PLAIN,
            body,
            with_body: true,
        }
    }

    /// The status for people, too.
    fn plain(status: &'static str) -> Self {
        Self::of(status, format!("{status}\n").into())
    }

    fn bytes(&self) -> Vec<u8> {
        let Self {
            status, kind, body, ..
        } = self;
        let allow = match status.starts_with("405") {
            true => "Allow: GET, HEAD\r\n",
            false => "",
        };
        let len = body.len();
        let body = if self.with_body { body } else { "" };
        format!(
            "HTTP/1.1 {status}\r\n{allow}Content-Type: {kind}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

/// Where pages come from.
struct Pages<A: Service> {
    desk: Desk<A>,
    newest: Mutex<Option<(Instant, Arc<str>)>>,
}

impl<A: Service> Pages<A> {
    /// A page that is not old; `None` when the node does not say in time where it stands.
    async fn newest(&self) -> Option<Arc<str>> {
        // Who comes meanwhile waits, and has the same one.
        let mut newest = self.newest.lock().await;
        if let Some((made, page)) = &*newest
            && made.elapsed() < FRESH
        {
            return Some(Arc::clone(page));
        }
        let status = timeout(PATIENCE, self.desk.node.status())
            .await
            .ok()?
            .ok()?;
        let store = self.desk.home.store_bytes();
        let page: Arc<str> = Sample { status, store }.page().into();
        *newest = Some((Instant::now(), Arc::clone(&page)));
        Some(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_this_machine_alone() {
        let at = |text: &str| text.parse::<Endpoint>().map(|Endpoint(it)| it.to_string());
        assert_eq!(at("9464").as_deref(), Ok("127.0.0.1:9464"));
        assert_eq!(at("[::]:9464").as_deref(), Ok("[::]:9464"));
        assert_eq!(at("here.example:9464").as_deref(), Ok("here.example:9464"));
        for bad in ["", "65536", "here", ":1", "-1"] {
            assert!(at(bad).is_err(), "{bad}");
        }
    }
}
