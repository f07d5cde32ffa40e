//! A door at which somebody knocks: a socket of which connections are taken, so many at once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// Takes connections until it is dropped, at most `most` at once: `accept` takes the next one,
/// `converse` is all that is done with it.
pub(crate) async fn keep<S, Accept, Talk>(
    most: usize,
    accept: impl Fn() -> Accept,
    converse: impl Fn(S) -> Talk,
) where
    Accept: Future<Output = io::Result<S>>,
    Talk: Future<Output = ()> + Send + 'static,
{
    let connections = Arc::new(Semaphore::new(most));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        let Ok(connection) = accept().await else {
            // Out of file descriptors, most likely: some become free.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let talk = converse(connection);
        tokio::spawn(async move {
            talk.await;
            drop(permit);
        });
    }
}
