//! A Secret Service that behaves as a test wants.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use futures_core::Stream;
use serde::Serialize;
use zbus::message::{Body, Type};
use zbus::wire::DynamicType;
use zbus::{Connection, Message, MessageStream, block_on};

use crate::ask::{NAME, connection};

/// A call that reached the impostor.
#[derive(Debug)]
pub struct Call {
    message: Message,
    /// The method, without its interface.
    pub method: String,
    /// The object it is for.
    pub path: String,
}

impl Call {
    /// What it brought.
    pub fn body(&self) -> Body {
        self.message.body()
    }

    /// An answer to it.
    pub fn reply<B: Serialize + DynamicType>(&self, body: &B) -> Message {
        Message::method_return(&self.message.header()).build(body).expect("a reply")
    }

    /// A refusal of it.
    pub fn error(&self, name: &str, text: &str) -> Message {
        Message::error(&self.message.header(), name).build(&text).expect("a refusal")
    }
}

/// A running impostor; it leaves the bus when dropped.
#[derive(Debug)]
pub struct Impostor {
    bus: Option<Connection>,
    thread: Option<JoinHandle<()>>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Impostor {
    pub(crate) fn start(
        address: &str,
        mut answer: impl FnMut(&Call) -> Option<Message> + Send + 'static,
    ) -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&calls);
        let bus = block_on(connection(address)).expect("the bus is there");
        let mut stream = MessageStream::from(&bus);
        block_on(bus.request_name(NAME)).expect("the name is free");
        let ours = bus.clone();
        let serve = async move {
            while let Some(Ok(message)) = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await {
                if message.message_type() != Type::MethodCall {
                    continue;
                }
                let header = message.header();
                let method = header.member().map(ToString::to_string).unwrap_or_default();
                let path = header.path().map(ToString::to_string).unwrap_or_default();
                log.lock().expect("no test panics here").push(method.clone());
                let call = Call { message, method, path };
                if let Some(reply) = answer(&call) {
                    // Who asked may have gone.
                    drop(ours.send(&reply).await);
                }
            }
        };
        let thread = std::thread::spawn(|| block_on(serve));
        Self { bus: Some(bus), thread: Some(thread), calls }
    }

    /// The methods that were called so far, in order.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().expect("no test panics here").clone()
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        if let Some(bus) = self.bus.take() {
            drop(block_on(bus.close()));
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
