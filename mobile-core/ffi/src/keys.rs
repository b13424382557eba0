//! The platform's keystore, brought by the host.

use gridcrew_mobile_core as core;
use std::sync::Arc;

/// Keeps the keys that the data is sealed with; implemented by the host over the Android
/// Keystore or the iOS keychain.
///
/// Called when a data folder is opened, when a person is enrolled on a device, and when a
/// handheld is wiped: it answers without the network, and does not call the handheld. A key
/// is 32 bytes. It is wrapped with one that never leaves the hardware, and kept where no
/// backup takes it: whoever has it can read the data.
#[uniffi::export(with_foreign)]
pub trait PlatformKeyStore: Send + Sync {
    /// The key of that name; none when none was kept.
    ///
    /// # Errors
    /// When the keystore cannot say: a failure, never "none", else the data were lost.
    fn load(&self, name: String) -> Result<Option<Vec<u8>>, KeyFault>;

    /// Keeps a key under a name, durably when this returns.
    ///
    /// # Errors
    /// When it could not be kept.
    fn store(&self, name: String, key: Vec<u8>) -> Result<(), KeyFault>;

    /// Forgets the key of that name, if there is one: what it sealed is lost with it.
    ///
    /// # Errors
    /// When it may still be there.
    fn forget(&self, name: String) -> Result<(), KeyFault>;
}

/// The keystore failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum KeyFault {
    /// It did not do what it was asked.
    #[error("{reason}")]
    Failed {
        /// What it said, for a report.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for KeyFault {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed {
            reason: error.reason,
        }
    }
}

impl From<KeyFault> for core::KeyFault {
    fn from(fault: KeyFault) -> Self {
        let KeyFault::Failed { reason } = fault;
        Self(reason)
    }
}

/// The host's keystore, as the engine asks it.
struct Asked(Arc<dyn PlatformKeyStore>);

impl core::KeyStore for Asked {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, core::KeyFault> {
        Ok(self.0.load(name.to_owned())?)
    }

    fn store(&self, name: &str, key: &[u8]) -> Result<(), core::KeyFault> {
        Ok(self.0.store(name.to_owned(), key.to_owned())?)
    }

    fn forget(&self, name: &str) -> Result<(), core::KeyFault> {
        Ok(self.0.forget(name.to_owned())?)
    }
}

/// The host's keystore for the engine.
pub(crate) fn asked(keys: Arc<dyn PlatformKeyStore>) -> Arc<dyn core::KeyStore> {
    Arc::new(Asked(keys))
}
