//! All connections and API destinations of a server: in memory as the store has them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use kulkul_delivery::{ClientErrors, Clock};
use kulkul_model::{ApiDestinationName, ConnectionName};
use kulkul_outbound::Outbound;
use kulkul_store::{Metadata, Revision, StoreError};

use crate::connection::{Connection, NewConnection};
use crate::destination::{ApiDestination, NewApiDestination};
use crate::document::{
    CONNECTION_PREFIX, DESTINATION_PREFIX, connection_key, destination_key, read_connection,
    read_destination, write_connection, write_destination,
};
use crate::error::ConnectionError;
use crate::oauth::TokenSlot;
use crate::rate::Pacer;

/// Connections, and API destinations, that there may be. All are kept in memory.
const COUNT_MAX: usize = 10_000;

/// What connections work with.
pub struct ConnectionsParts {
    /// Where they are stored.
    pub metadata: Arc<dyn Metadata>,
    /// What sends requests.
    pub outbound: Outbound,
    /// How long a request may take, from resolving the name to the end of the answer.
    pub timeout: Duration,
    /// Whether an API that finds fault with a request gets it again.
    pub client_errors: ClientErrors,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// All connections and API destinations. Shared as an `Arc`.
pub struct Connections {
    pub(crate) parts: ConnectionsParts,
    connections: RwLock<BTreeMap<ConnectionName, Stored<Connection>>>,
    destinations: RwLock<BTreeMap<ApiDestinationName, Stored<ApiDestination>>>,
    /// Tokens by connection; those of a connection that was changed are forgotten.
    tokens: Mutex<HashMap<ConnectionName, Arc<TokenSlot>>>,
    /// The pace of API destinations that have one.
    pacers: Mutex<HashMap<ApiDestinationName, Arc<Pacer>>>,
    /// Held by whoever changes something, from reading the old state to showing the new one.
    control: tokio::sync::Mutex<()>,
}

struct Stored<T> {
    value: Arc<T>,
    revision: Revision,
}

impl Connections {
    /// Reads all of them.
    pub async fn open(parts: ConnectionsParts) -> Result<Arc<Self>, StoreError> {
        let mut connections = BTreeMap::new();
        for document in parts.metadata.documents(CONNECTION_PREFIX).await? {
            let connection = read_connection(&document)?;
            connections.insert(connection.settings.name.clone(), stored(connection, document.revision));
        }
        let mut destinations = BTreeMap::new();
        for document in parts.metadata.documents(DESTINATION_PREFIX).await? {
            let destination = read_destination(&document)?;
            destinations.insert(destination.settings.name.clone(), stored(destination, document.revision));
        }
        Ok(Arc::new(Self {
            parts,
            connections: RwLock::new(connections),
            destinations: RwLock::new(destinations),
            tokens: Mutex::default(),
            pacers: Mutex::default(),
            control: tokio::sync::Mutex::new(()),
        }))
    }

    /// Creates a connection.
    pub async fn create_connection(&self, new: NewConnection) -> Result<(), ConnectionError> {
        new.check(self.parts.outbound.reach())?;
        let _control = self.control.lock().await;
        let count = read(&self.connections).len();
        if read(&self.connections).contains_key(&new.name) {
            return Err(ConnectionError::ConnectionExists { name: new.name });
        }
        if count >= COUNT_MAX {
            return Err(ConnectionError::TooManyConnections { count_max: COUNT_MAX });
        }
        let connection = Connection {
            id: uuid::Uuid::new_v4().simple().to_string(),
            created_at: self.parts.clock.now(),
            settings: new,
        };
        let key = connection_key(&connection.settings.name);
        let revision = self.parts.metadata.create(&key, write_connection(&connection)).await?;
        self.show_connection(connection, revision);
        Ok(())
    }

    /// A connection.
    pub fn get_connection(&self, name: &ConnectionName) -> Result<Arc<Connection>, ConnectionError> {
        let found = read(&self.connections).get(name).map(|stored| stored.value.clone());
        found.ok_or_else(|| ConnectionError::UnknownConnection { name: name.clone() })
    }

    /// All connections, by name.
    pub fn list_connections(&self) -> Vec<Arc<Connection>> {
        read(&self.connections).values().map(|stored| stored.value.clone()).collect()
    }

    /// Changes a connection. What `change` makes of the old settings counts from the next attempt on.
    pub async fn update_connection(
        &self,
        name: &ConnectionName,
        change: impl FnOnce(NewConnection) -> NewConnection + Send,
    ) -> Result<(), ConnectionError> {
        let _control = self.control.lock().await;
        let before = self.get_connection(name)?;
        let settings = change(before.settings.clone()).with_secrets_of(&before.settings);
        settings.check(self.parts.outbound.reach())?;
        let connection = Connection { settings, ..(*before).clone() };
        let at = read(&self.connections)[name].revision;
        let written = write_connection(&connection);
        let revision = self.parts.metadata.replace(&connection_key(name), at, written).await?;
        self.show_connection(connection, revision);
        Ok(())
    }

    /// Deletes a connection that no API destination uses.
    pub async fn delete_connection(&self, name: &ConnectionName) -> Result<(), ConnectionError> {
        let _control = self.control.lock().await;
        self.get_connection(name)?;
        let user = read(&self.destinations)
            .values()
            .find(|stored| stored.value.settings.connection == *name)
            .map(|stored| stored.value.settings.name.clone());
        if let Some(destination) = user {
            return Err(ConnectionError::ConnectionInUse { name: name.clone(), destination });
        }
        self.parts.metadata.delete(&connection_key(name), None).await?;
        write(&self.connections).remove(name);
        lock(&self.tokens).remove(name);
        Ok(())
    }

    /// Creates an API destination.
    pub async fn create_destination(&self, new: NewApiDestination) -> Result<(), ConnectionError> {
        new.check(self.parts.outbound.reach())?;
        let _control = self.control.lock().await;
        self.get_connection(&new.connection)?;
        let count = read(&self.destinations).len();
        if read(&self.destinations).contains_key(&new.name) {
            return Err(ConnectionError::DestinationExists { name: new.name });
        }
        if count >= COUNT_MAX {
            return Err(ConnectionError::TooManyDestinations { count_max: COUNT_MAX });
        }
        let destination = ApiDestination { created_at: self.parts.clock.now(), settings: new };
        let key = destination_key(&destination.settings.name);
        let revision = self.parts.metadata.create(&key, write_destination(&destination)).await?;
        self.show_destination(destination, revision);
        Ok(())
    }

    /// An API destination.
    pub fn get_destination(&self, name: &ApiDestinationName) -> Result<Arc<ApiDestination>, ConnectionError> {
        let found = read(&self.destinations).get(name).map(|stored| stored.value.clone());
        found.ok_or_else(|| ConnectionError::UnknownDestination { name: name.clone() })
    }

    /// All API destinations, by name.
    pub fn list_destinations(&self) -> Vec<Arc<ApiDestination>> {
        read(&self.destinations).values().map(|stored| stored.value.clone()).collect()
    }

    /// Changes an API destination. What `change` makes of the old settings counts from the next attempt on.
    pub async fn update_destination(
        &self,
        name: &ApiDestinationName,
        change: impl FnOnce(NewApiDestination) -> NewApiDestination + Send,
    ) -> Result<(), ConnectionError> {
        let _control = self.control.lock().await;
        let before = self.get_destination(name)?;
        let settings = change(before.settings.clone());
        settings.check(self.parts.outbound.reach())?;
        self.get_connection(&settings.connection)?;
        let destination = ApiDestination { settings, ..(*before).clone() };
        let at = read(&self.destinations)[name].revision;
        let written = write_destination(&destination);
        let revision = self.parts.metadata.replace(&destination_key(name), at, written).await?;
        self.show_destination(destination, revision);
        Ok(())
    }

    /// Deletes an API destination. Deliveries to it become dead letters.
    pub async fn delete_destination(&self, name: &ApiDestinationName) -> Result<(), ConnectionError> {
        let _control = self.control.lock().await;
        self.get_destination(name)?;
        self.parts.metadata.delete(&destination_key(name), None).await?;
        write(&self.destinations).remove(name);
        lock(&self.pacers).remove(name);
        Ok(())
    }

    /// Where the token of a connection is kept.
    pub(crate) fn token_slot(&self, name: &ConnectionName) -> Arc<TokenSlot> {
        lock(&self.tokens).entry(name.clone()).or_default().clone()
    }

    /// The pace of an API destination; `None` when it has none.
    pub(crate) fn pacer(&self, destination: &NewApiDestination) -> Option<Arc<Pacer>> {
        let rate = destination.rate_max?;
        let mut pacers = lock(&self.pacers);
        let pacer = pacers.entry(destination.name.clone()).or_insert_with(|| Arc::new(Pacer::new(rate)));
        Some(pacer.clone())
    }

    fn show_connection(&self, connection: Connection, revision: Revision) {
        let name = connection.settings.name.clone();
        write(&self.connections).insert(name.clone(), stored(connection, revision));
        lock(&self.tokens).remove(&name);
    }

    fn show_destination(&self, destination: ApiDestination, revision: Revision) {
        let name = destination.settings.name.clone();
        write(&self.destinations).insert(name.clone(), stored(destination, revision));
        lock(&self.pacers).remove(&name);
    }
}

fn stored<T>(value: T, revision: Revision) -> Stored<T> {
    Stored { value: Arc::new(value), revision }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
