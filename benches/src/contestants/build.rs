//! The ways in which a contestant can be built. What one of them alone shows is the build's doing,
//! not the policy's: Mytkowicz et al. 2009, "Producing wrong data without doing anything obviously
//! wrong!".

/// A way to build contestants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// What options and tables call it.
    pub name: &'static str,
    /// What it is.
    pub summary: &'static str,
    /// The profile of the workspace's manifest.
    pub(super) profile: &'static str,
    /// A feature that the packages of contestants have for it.
    pub(super) feature: Option<&'static str>,
}

impl Build {
    /// As everything is measured.
    pub const FAT: Self = Self {
        name: "fat",
        summary: "fat LTO, one codegen unit: as everything is measured",
        profile: "contestant",
        feature: None,
    };

    /// All.
    pub const ALL: [Self; 4] = [
        Self::FAT,
        Self {
            name: "thin",
            summary: "thin LTO, 16 codegen units",
            profile: "contestant-thin",
            feature: None,
        },
        Self {
            name: "plain",
            summary: "Cargo's own release profile, as most users ship: no LTO, 16 codegen units",
            profile: "contestant-plain",
            feature: None,
        },
        Self {
            name: "mimalloc",
            summary: "as fat, with mimalloc in the place of the system's allocator",
            profile: "contestant-mimalloc",
            feature: Some("mimalloc"),
        },
    ];

    /// The build called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|build| build.name == name)
    }
}
