//! What happens when a thread that the node cannot do without panics.

use tracing::error;

/// Ends the process when the thread that holds it unwinds: a node without its executor or its writer would go on answering and do nothing.
/// Nothing is lost, since all that was acknowledged is durable, and who supervises the process starts it again.
#[derive(Debug)]
pub(crate) struct EndWithProcess(pub(crate) &'static str);

impl Drop for EndWithProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            error!(
                thread = self.0,
                "a thread of the node panicked: this is a bug; the process ends to be started again"
            );
            crate::log::finish();
            std::process::abort();
        }
    }
}
