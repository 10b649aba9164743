//! What a folder holds of a network: by its record, or, where that is lost or damaged, by what is there. Whoever wants to stop or remove a
//! network needs no more than this, and must not be sent to a record that nobody has any more.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::error::LocalError;
use crate::founding;
use crate::layout::{Layout, Record};
use crate::unfinished::{self, TREE};

/// The nodes of a network, and the names of everything that is made for it.
#[derive(Debug)]
pub(crate) struct Inventory {
    /// Places of its nodes, of prepared ones too.
    pub(crate) indices: Vec<u32>,
    /// Key files of its organizations, relative to the folder.
    keys: Vec<PathBuf>,
    /// Whether this is what the record says.
    pub(crate) is_recorded: bool,
}

impl Inventory {
    /// Of the network in a folder.
    ///
    /// # Errors
    /// [`LocalError::NoNetwork`] for a folder without a record and without nodes, [`LocalError::Record`] for one that holds nothing of a network
    /// but a damaged record: it may be a file of something else.
    pub(crate) fn of(layout: &Layout) -> Result<Self, LocalError> {
        match layout.read() {
            Ok(record) => Ok(Self::recorded(&record)),
            Err(error @ LocalError::Record { .. }) => Self::found(layout)?.ok_or(error),
            Err(error) => Err(error),
        }
    }

    fn recorded(record: &Record) -> Self {
        let indices = record.nodes.iter().chain(&record.reserve).map(|node| node.index).collect();
        Self { indices, keys: record.keys.values().cloned().collect(), is_recorded: true }
    }

    /// By what is in the folder. Which organizations a start may have given keys is known without its record.
    fn found(layout: &Layout) -> Result<Option<Self>, LocalError> {
        if !has_nodes(layout)? {
            return Ok(None);
        }
        let keys = layout.keys();
        let folder = keys.file_name().map(PathBuf::from).unwrap_or_default();
        let names = founding::every_organization();
        let keys = names.into_iter().map(|name| folder.join(founding::key_file(&name))).collect();
        let mut indices = unfinished::nodes(layout)?;
        indices.sort_unstable();
        Ok(Some(Self { indices, keys, is_recorded: false }))
    }

    /// Names in the folder of everything that is made for a network by its start and by its nodes.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let fixed = ["network.json", "network.json.new", "genesis.json", "checkpoint.json", "password", "keys"];
        let mut names: BTreeSet<String> = fixed.map(str::to_owned).into();
        names.extend(self.keys.iter().map(|path| path.display().to_string()));
        for index in &self.indices {
            let folder = format!("node-{index}");
            let files = ["node.toml", "validator.key", "peer.key", "node.log", "pid"];
            names.extend(files.map(|file| format!("{folder}/{file}")));
            names.insert(format!("{folder}/data{TREE}"));
            names.insert(folder);
        }
        names
    }

    /// What has to go last, so that a removal that was interrupted can be carried on: by this the folder is known to be a network.
    pub(crate) fn is_kept_longest(&self, layout: &Layout, path: &PathBuf) -> bool {
        if self.is_recorded {
            return *path == layout.record();
        }
        self.indices.iter().any(|index| [layout.node(*index), layout.config(*index)].contains(path))
    }
}

/// Whether a folder holds nodes of a network, with the file that each is started by.
pub(crate) fn has_nodes(layout: &Layout) -> Result<bool, LocalError> {
    Ok(unfinished::nodes(layout)?.into_iter().any(|index| layout.config(index).is_file()))
}
