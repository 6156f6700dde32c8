//! What a target can do to us, and that it stays bounded.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use kulkul_outbound::{Outbound, OutboundError, OutboundOptions, OutboundRequest, Reach};
use rcgen::{CertificateParams, Issuer, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

const LOOPBACK: Reach = Reach { public: false, loopback: true, private: false };

fn outbound(reach: Reach, authorities: Vec<CertificateDer<'static>>) -> Outbound {
    Outbound::new(OutboundOptions { reach, connect_timeout: Duration::from_secs(2), authorities })
}

fn request(url: String, timeout: Duration) -> OutboundRequest {
    let url = url.parse().unwrap();
    OutboundRequest { method: Method::POST, url, headers: HeaderMap::new(), body: Bytes::from("{}"), timeout }
}

/// A server that reads a little and then writes `answer`, in pieces, for ever if it is told to.
async fn server(answer: &'static [u8], pause: Option<Duration>, repeat: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 1024];
                let _ = stream.read(&mut head).await;
                if answer.is_empty() {
                    std::future::pending::<()>().await;
                }
                loop {
                    match pause {
                        None if stream.write_all(answer).await.is_err() => return,
                        None => {}
                        Some(pause) => {
                            for byte in answer {
                                if stream.write_all(&[*byte]).await.is_err() {
                                    return;
                                }
                                tokio::time::sleep(pause).await;
                            }
                        }
                    }
                    if !repeat {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn an_answer_is_taken_as_it_is_and_redirects_are_not_followed() {
    let moved = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 2\r\n\r\nhi";
    let address = server(moved, None, false).await;
    let answer = outbound(LOOPBACK, vec![])
        .send(request(format!("http://{address}/x?y=z"), Duration::from_secs(5)))
        .await;
    let answer = answer.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::FOUND, &b"hi"[..]));
}

#[tokio::test]
async fn addresses_out_of_reach_are_not_connected_to() {
    let address = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", None, false).await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{}/", address.port());
        let error =
            outbound(Reach::PUBLIC, vec![]).send(request(url, Duration::from_secs(5))).await.unwrap_err();
        assert!(matches!(error, OutboundError::Forbidden { .. }), "{host}: {error:?}");
    }
}

#[tokio::test]
async fn no_target_can_make_us_wait_or_hold_more_than_the_bounds() {
    let limit = Duration::from_millis(300);
    let trickle =
        server(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", Some(Duration::from_millis(50)), false)
            .await;
    let silent = server(b"", None, true).await;
    for address in [trickle, silent] {
        let error =
            outbound(LOOPBACK, vec![]).send(request(format!("http://{address}/"), limit)).await.unwrap_err();
        assert!(matches!(error, OutboundError::TimedOut { .. }), "{error:?}");
    }
    let endless =
        server(b"HTTP/1.1 200 OK\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", None, true).await;
    let answer =
        outbound(LOOPBACK, vec![]).send(request(format!("http://{endless}/"), Duration::from_secs(10))).await;
    assert_eq!(answer.unwrap().body.len(), 64 << 10);
}

#[tokio::test]
async fn what_is_not_http_and_who_is_not_there_are_errors() {
    let garbage = server(b"SSH-2.0-OpenSSH_9.2\r\n", None, false).await;
    let error = outbound(LOOPBACK, vec![])
        .send(request(format!("http://{garbage}/"), Duration::from_secs(5)))
        .await
        .unwrap_err();
    assert!(matches!(error, OutboundError::Exchange(_)), "{error:?}");

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = outbound(LOOPBACK, vec![])
        .send(request(format!("http://{free}/"), Duration::from_secs(5)))
        .await
        .unwrap_err();
    assert!(matches!(error, OutboundError::Connect(_)), "{error:?}");
}

#[tokio::test]
async fn certificates_are_verified() {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let trusted = vec![authority_certificate.der().clone()];
    let issuer = Issuer::new(authority, authority_key);

    let fine = tls_server(&issuer, "localhost", 2099).await;
    let expired = tls_server(&issuer, "localhost", 2001).await;
    let other = tls_server(&issuer, "elsewhere.test", 2099).await;

    let url = |address: SocketAddr| {
        request(format!("https://localhost:{}/", address.port()), Duration::from_secs(5))
    };
    let answer = outbound(LOOPBACK, trusted.clone()).send(url(fine)).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    for (address, authorities) in [(fine, vec![]), (expired, trusted.clone()), (other, trusted)] {
        let error = outbound(LOOPBACK, authorities).send(url(address)).await.unwrap_err();
        assert!(matches!(error, OutboundError::Connect(_)), "{error:?}");
    }
}

async fn tls_server(issuer: &Issuer<'_, KeyPair>, name: &str, valid_until_year: i32) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(valid_until_year, 1, 1);
    let certificate = params.signed_by(&key, issuer).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut head = [0; 1024];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}
