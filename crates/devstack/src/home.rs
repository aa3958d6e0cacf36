//! The temporary folder of a private instance, owned by the user that the service runs as.
//!
//! Invariant: from its creation on, a [`Watchdog`] removes the folder, with all processes that work in it, when this
//! process ends.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;

use crate::discovery::User;
use crate::watchdog::Watchdog;
use crate::{Error, Places, Service};

/// A folder that does not outlive this process.
#[derive(Debug)]
pub(crate) struct Home {
    /// Its path.
    pub(crate) folder: PathBuf,
    /// The user that the service runs as, if it is another user than ours.
    pub(crate) user: Option<User>,
    /// The service that uses the folder.
    pub(crate) service: Service,
    /// Removes the folder; dropping it does so at once.
    pub(crate) watchdog: Watchdog,
}

impl Home {
    /// Creates a temporary folder. As root the service runs as the user with this name.
    pub(crate) fn new(service: Service, places: &Places, user_name: &str) -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("flowcast-{}-", service.slug()))
            .tempdir()
            .map_err(Error::system("make a temporary folder for the service"))?;
        let watchdog =
            Watchdog::over_folder(folder.path()).map_err(Error::system("start a watchdog with sh"))?;
        let folder = folder.keep();
        let we_are_root = fs::metadata(&folder).is_ok_and(|metadata| metadata.uid() == 0);
        let user = if we_are_root { places.user(user_name) } else { None };
        let home = Self { folder, user, service, watchdog };
        home.give_to_user().map_err(Error::system("give the temporary folder to the user of the service"))?;
        Ok(home)
    }

    /// Writes a file that only the service can read.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let file = self.folder.join(name);
        let write = || {
            fs::write(&file, text)?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o400))?;
            self.user.map_or(Ok(()), |user| chown(&file, Some(user.uid), Some(user.gid)))
        };
        write().map_err(Error::system("write a file of the service"))?;
        Ok(file)
    }

    fn give_to_user(&self) -> io::Result<()> {
        if let Some(user) = self.user {
            chown(&self.folder, Some(user.uid), Some(user.gid))?;
        }
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700))
    }
}
