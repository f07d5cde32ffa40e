//! Who is at the other end: TLS 1.3 in which the actors' own ed25519 keys are the certificates (RFC
//! 7250).
//!
//! The key that signs handshakes signs echoes too. Neither signature can be taken for the other:
//! what TLS signs begins with 64 spaces and is longer than that (RFC 8446, section 4.4.3), what
//! replicas sign is a digest of 32 bytes.
//!
//! Sessions are not resumed, for a resumed one skips the proof of the key; so there is no data
//! before the handshake either.

use std::fmt;
use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureAlgorithm,
    SignatureScheme,
};

use crate::actor::{Actor, SigningActor};
use crate::codec::NetworkId;

/// What precedes an ed25519 key in its SubjectPublicKeyInfo (RFC 8410, section 4).
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// What both ends of a link must name: they speak this version and are of one network.
fn protocol(network: &NetworkId) -> Vec<Vec<u8>> {
    vec![format!("bft-crdts/4/{}", network.digest()).into_bytes()]
}

/// The side that is dialled. It takes any actor: whoever asks for the link judges its key.
pub(super) fn server(key: &SigningActor, network: &NetworkId) -> Result<QuicServerConfig, Error> {
    let provider = provider();
    let verifier = Arc::new(Judge::new(&provider, None));
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(certified(
            key,
        ))));
    config.alpn_protocols = protocol(network);
    config.send_tls13_tickets = 0;
    Ok(QuicServerConfig::try_from(config)
        .expect("the cipher suite of QUIC's first packets is provided"))
}

/// The side that dials `expected`, and takes nobody else.
pub(super) fn client(
    key: &SigningActor,
    network: &NetworkId,
    expected: Actor,
) -> Result<QuicClientConfig, Error> {
    let provider = provider();
    let verifier = Arc::new(Judge::new(&provider, Some(expected)));
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(certified(
            key,
        ))));
    config.alpn_protocols = protocol(network);
    config.resumption = Resumption::disabled();
    Ok(QuicClientConfig::try_from(config)
        .expect("the cipher suite of QUIC's first packets is provided"))
}

/// The actor who proved to be at the other end.
///
/// `None` should not come of a handshake that succeeded.
pub(super) fn peer(connection: &quinn::Connection) -> Option<Actor> {
    let identity = connection.peer_identity()?;
    let shown = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    shown.first().and_then(|key| actor_in(key))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn spki(actor: &Actor) -> Vec<u8> {
    [&SPKI[..], actor.as_bytes()].concat()
}

/// The key has to be a good one under our own rule too, and not only under that of the TLS library.
fn actor_in(spki: &[u8]) -> Option<Actor> {
    let key = spki.strip_prefix(&SPKI)?;
    let actor = Actor::from_bytes(key.try_into().ok()?);
    actor.public_key().is_ok().then_some(actor)
}

/// The bare key is the certificate: names and authorities play no part.
fn certified(key: &SigningActor) -> Arc<CertifiedKey> {
    let shown = vec![CertificateDer::from(spki(&key.actor()))];
    Arc::new(CertifiedKey::new(shown, Arc::new(Identity(key.clone()))))
}

/// An actor's key in the words of TLS.
#[derive(Clone)]
struct Identity(SigningActor);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl SigningKey for Identity {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let known = offered.contains(&SignatureScheme::ED25519);
        known.then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(spki(&self.0.actor())))
    }
}

impl Signer for Identity {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.0.sign_handshake(message).as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// Takes the key that was expected, or any good one where none was.
///
/// It says which key may be at the other end; that this end holds it, TLS asks of it by a signature
/// on the handshake.
#[derive(Debug)]
struct Judge {
    /// `None` where we are dialled.
    expected: Option<Actor>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Judge {
    fn new(provider: &CryptoProvider, expected: Option<Actor>) -> Self {
        Self {
            expected,
            algorithms: provider.signature_verification_algorithms,
        }
    }

    /// # Errors
    /// When the key is malformed or another one; the other end sees a TLS alert.
    fn judge(&self, shown: &CertificateDer<'_>) -> Result<(), Error> {
        let actor = actor_in(shown).ok_or(CertificateError::BadEncoding)?;
        match self.expected {
            Some(expected) if expected != actor => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            _ => Ok(()),
        }
    }

    fn signed(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(shown.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }
}

/// There is no TLS 1.2 in QUIC.
fn never() -> Error {
    Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOfferedOrEnabled)
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(shown).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(never())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(message, shown, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Judge {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge(shown).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(never())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(message, shown, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
