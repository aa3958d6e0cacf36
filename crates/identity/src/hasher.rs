//! Hashing of passwords on blocking threads, at most two at once: a hash takes 19 MiB of memory and a core.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::password::{self, PasswordHash};

/// Hashes that are computed at once.
const AT_ONCE: usize = 2;
/// Hashes that are computed or wait. Beyond it a request is refused, because it would wait for more than some seconds.
const ADMITTED: usize = 64;

/// Too many passwords are being checked at this moment, or the operating system gave no random numbers.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("too many passwords are being checked at this moment; repeat the request in some seconds")]
pub struct Busy;

/// Computes hashes. Cheap to clone; clones share the limits.
#[derive(Clone, Debug)]
pub struct Hasher {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    computed: Arc<AtomicU64>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(ADMITTED)),
            running: Arc::new(Semaphore::new(AT_ONCE)),
            computed: Arc::default(),
        }
    }
}

impl Hasher {
    /// Hashes a password with a new salt.
    pub async fn hash(&self, password: SecretString) -> Result<PasswordHash, Busy> {
        self.run(move |computed| password::hash(password.expose_secret(), computed)).await?.map_err(|_| Busy)
    }

    /// Whether this is the password of the hash. `None` is an account that does not exist or has no password: the same work is done,
    /// and the answer is no.
    pub async fn verify(&self, password: SecretString, hash: Option<PasswordHash>) -> Result<bool, Busy> {
        self.run(move |computed| password::verify(password.expose_secret(), hash.as_ref(), computed)).await
    }

    /// The number of hashes that were computed.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AtomicU64) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Busy)?;
        let computed = Arc::clone(&self.computed);
        // The permits move into the thread: a request that is dropped does not free the core that its hash uses.
        let held: [OwnedSemaphorePermit; 2] = [admitted, running];
        let hashing = tokio::task::spawn_blocking(move || {
            let result = work(&computed);
            drop(held);
            result
        });
        hashing.await.map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn a_password_is_hashed_and_verified() {
        let hasher = Hasher::default();
        let hash = hasher.hash("correct horse battery".into()).await.unwrap();
        assert!(hasher.verify("correct horse battery".into(), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify("another".into(), Some(hash)).await.unwrap());
        assert!(!hasher.verify("another".into(), None).await.unwrap());
        assert_eq!(hasher.computed(), 4, "an unknown account costs a hash, too");
    }

    #[tokio::test]
    async fn two_hashes_run_at_once_and_a_third_waits_for_a_permit() {
        let hasher = Hasher::default();
        let (begun, begins) = mpsc::channel();
        let mut ends = Vec::new();
        let mut runs = Vec::new();
        for n in 0..3 {
            let (end, ended) = mpsc::channel::<()>();
            ends.push(end);
            let (hasher, begun) = (hasher.clone(), begun.clone());
            runs.push(tokio::spawn(async move {
                hasher.run(move |_| (begun.send(n), ended.recv().is_ok())).await.unwrap().1
            }));
            tokio::task::yield_now().await;
        }
        let two = tokio::task::spawn_blocking(move || {
            let two = [begins.recv().unwrap(), begins.recv().unwrap()];
            (two, begins)
        });
        let (mut two, begins) = two.await.unwrap();
        two.sort_unstable();
        assert_eq!(two, [0, 1]);
        assert_eq!(
            (hasher.running.available_permits(), hasher.admitted.available_permits()),
            (0, ADMITTED - 3)
        );
        assert!(begins.try_recv().is_err(), "the third began without a permit");
        for end in &ends {
            end.send(()).unwrap();
        }
        for run in runs {
            assert!(run.await.unwrap());
        }
        assert_eq!(begins.recv().unwrap(), 2);
    }

    #[tokio::test]
    async fn beyond_the_limit_a_request_is_refused_at_once() {
        let hasher = Hasher::default();
        let all =
            Arc::clone(&hasher.admitted).try_acquire_many_owned(u32::try_from(ADMITTED).unwrap()).unwrap();
        assert!(hasher.hash("correct horse battery".into()).await.is_err());
        drop(all);
        assert!(hasher.hash("correct horse battery".into()).await.is_ok());
    }
}
