//! What a benchmark is told on its command line. clap explains it, and refuses what it does not know.

/// How thoroughly a benchmark works. Without `--bench`, which cargo adds, it runs as a test.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Thoroughness {
    /// Runs everything once and small: shows that it runs, and measures nothing
    #[arg(long)]
    test: bool,
    #[arg(long, hide = true)]
    bench: bool,
}

impl Thoroughness {
    /// Whether figures are wanted.
    pub(crate) fn is_measuring(self) -> bool {
        self.bench && !self.test
    }
}
