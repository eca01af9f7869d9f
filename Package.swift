// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target. `Lifetimes` lets a checked view borrow the bytes it reads.
let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableExperimentalFeature("Lifetimes"),
]

/// For what goes through every byte, and would keep the tests for minutes: fast in debug builds, too.
let alwaysOptimized: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// A library target of Lares.
func module(
  _ name: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = []
) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings + settings)
}

/// The tests of the module of the same name, in Tests/<Module>Tests.
func tests(
  _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = [], resources: [Resource] = []
) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: [.target(name: name), "TestSupport"] + dependencies, exclude: exclude,
    resources: resources, swiftSettings: swiftSettings)
}

let package = Package(
  name: "Lares",
  products: [
    .executable(name: "lares", targets: ["lares"]),
    // A guest: `make services` builds it for bare metal.
    .executable(name: "echo", targets: ["echo"]),
    // A guest for the tests only.
    .executable(name: "faults", targets: ["faults"]),
    // What `make fuzz` links with libFuzzer.
    .library(name: "FuzzTargets", type: .static, targets: ["FuzzTargets"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    // Pure: bytes in, bytes out. Builds for bare metal too.
    module("Wire"),

    // Bare metal, and the services on it. On the host only their pure parts exist, for the tests.
    .target(name: "CLibraryOS"),
    .target(
      name: "LibraryOS", dependencies: ["CLibraryOS", "Wire"], exclude: ["x86_64.ld", "x86_64.toolset.json"],
      swiftSettings: swiftSettings),
    .target(
      name: "EchoService", dependencies: ["Wire"], path: "Sources/Services/echo/Service",
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "echo", dependencies: ["EchoService", "LibraryOS", "Wire"], path: "Sources/Services/echo/Guest",
      swiftSettings: swiftSettings),

    // The values and the configuration that all parts share.
    module("Household", ["Wire"]),
    module("Configuration", ["Household", "Wire"]),

    // The thin edge to the operating system.
    .target(name: "CHostSystem"),
    module("HostSystem", ["CHostSystem", "Wire", "Household"]),
    .systemLibrary(name: "CMnl", pkgConfig: "libmnl", providers: [.apt(["libmnl-dev"])]),
    .target(name: "CNetlinkShims", dependencies: ["CMnl"]),
    module("Netlink", ["CMnl", "CNetlinkShims", "HostSystem", "Household", "Wire"]),

    // Git's formats, and the versioned store on them.
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CDeflate", providers: [.apt(["libdeflate-dev"])]),
    .systemLibrary(name: "CCrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CSSL", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    module("GitFormat", ["CCrypto", "CDeflate", "CZlib"], settings: alwaysOptimized),
    module("VersionedStore", ["CCrypto", "GitFormat", "HostSystem", "Wire"]),
    module(
      "StoreSync",
      ["CCurl", "CSSL", "Configuration", "GitFormat", "HostSystem", "Household", "VersionedStore", "Wire"]),

    // `lares store`.
    module(
      "StoreCommands",
      [
        "GitFormat", "HostSystem", "Household", "StoreSync", "VersionedStore", "Wire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    // Capabilities. They do not import each other.
    .systemLibrary(name: "CNftnl", pkgConfig: "libnftnl", providers: [.apt(["libnftnl-dev"])]),
    module("Firewall", ["CNftnl", "CMnl", "CNetlinkShims", "Netlink", "HostSystem", "Household", "Wire"]),
    module("Interfaces", ["Netlink", "HostSystem", "Household", "Wire"]),
    .target(name: "CAddressService"),
    module("AddressService", ["CAddressService", "HostSystem", "Household", "Wire"]),
    module("Uplink", ["Netlink", "HostSystem", "Household", "Wire"]),
    .systemLibrary(name: "CLdns", providers: [.apt(["libldns-dev"])]),
    .target(name: "CNameService"),
    module("NameService", ["CLdns", "CNameService", "CHostSystem", "HostSystem", "Household", "Wire"]),

    // The API, and the executable.
    module(
      "Control", ["Configuration", "GitFormat", "HostSystem", "Household", "StoreSync", "VersionedStore", "Wire"]),
    .executableTarget(
      name: "lares",
      dependencies: [
        "AddressService", "Configuration", "Control", "Firewall", "HostSystem", "Household", "Interfaces",
        "NameService", "Netlink", "StoreCommands", "StoreSync", "Uplink", "Wire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),

    .target(name: "CNetworkNamespace", path: "Tests/CNetworkNamespace"),
    .target(name: "CBenchDNS", path: "Benchmarks/dns/CBenchDNS"),
    .executableTarget(
      name: "bench-dns", dependencies: ["CBenchDNS", "NameService", "HostSystem", "Household", "Wire"],
      path: "Benchmarks/dns/bench-dns", swiftSettings: swiftSettings),

    .target(name: "CBenchStore", path: "Benchmarks/store/CBenchStore", linkerSettings: [.linkedLibrary("git2")]),
    .executableTarget(
      name: "bench-store", dependencies: ["CBenchStore", "GitFormat", "HostSystem", "VersionedStore"],
      path: "Benchmarks/store/bench-store", swiftSettings: swiftSettings),

    .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
    // Benchmarks: the peer beside us in one process.
    .executableTarget(
      name: "bench-firewall",
      dependencies: ["Firewall", "HostSystem", "Household", "TestSupport", "Wire"],
      path: "Benchmarks/firewall", swiftSettings: swiftSettings),

    .target(
      name: "TestSupport", dependencies: ["CNetworkNamespace", "HostSystem"], path: "Tests/Support",
      swiftSettings: swiftSettings),
    .target(
      name: "Lab", dependencies: ["HostSystem", "TestSupport", "Wire"], path: "Tests/Lab", exclude: ["Tools"],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "lares-lab", dependencies: ["HostSystem", "Lab", "lares"], path: "Tests/LabCommand",
      swiftSettings: swiftSettings),
    tests("Lab", ["Control", "HostSystem", "Household", "Wire", "lares"]),
    // The DHCP server alone, for tests that kill it and for its benchmark.
    .executableTarget(
      name: "address-server", dependencies: ["AddressService", "HostSystem", "Household", "Wire"],
      path: "Tests/AddressServer", swiftSettings: swiftSettings),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "AddressService", "CNameService", "Configuration", "EchoService", "Firewall", "GitFormat", "HostSystem",
        "Household", "NameService", "Netlink", "StoreSync", "TestSupport", "Uplink", "VersionedStore", "Wire",
      ],
      path: "Tests/Fuzz/FuzzTargets", swiftSettings: swiftSettings),
    .testTarget(
      name: "FuzzTargetsTests", dependencies: ["FuzzTargets", "HostSystem"], path: "Tests/Fuzz/FuzzTargetsTests",
      swiftSettings: swiftSettings),
    tests("Wire", ["PacketSamples"]),
    tests("LibraryOS", ["Wire"]),
    tests("EchoService", ["PacketSamples", "Wire"]),
    .target(
      name: "PacketSamples", dependencies: ["TestSupport", "Wire"], path: "Tests/PacketSamples",
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "faults", dependencies: ["CLibraryOS", "LibraryOS"], path: "Tests/MachineGuests/faults",
      swiftSettings: swiftSettings),
    // One apply of the interfaces alone, which tells what it wrote.
    .executableTarget(
      name: "interface-manager", dependencies: ["Configuration", "HostSystem", "Interfaces", "Netlink"],
      path: "Tests/InterfaceManager", swiftSettings: swiftSettings),
    .testTarget(
      name: "MachineTests",
      dependencies: [
        "Control", "HostSystem", "Household", "Lab", "PacketSamples", "TestSupport", "Wire", "interface-manager",
        "lares", "store-writer",
      ],
      path: "Tests/Machine", exclude: ["Linux"], swiftSettings: swiftSettings),
    tests("GitFormat", ["HostSystem"]),
    // Works on a repository for tests that kill it, or cut its machine's power.
    .executableTarget(
      name: "store-writer", dependencies: ["GitFormat", "HostSystem", "TestSupport", "VersionedStore"],
      path: "Tests/StoreWriter", swiftSettings: swiftSettings),
    tests("VersionedStore", ["GitFormat", "HostSystem", "store-writer"]),
    // Our server where stock git expects `ssh`.
    .executableTarget(
      name: "store-server", dependencies: ["GitFormat", "HostSystem", "StoreSync", "VersionedStore"],
      path: "Tests/StoreServer", swiftSettings: swiftSettings),
    tests("StoreSync", ["GitFormat", "HostSystem", "Household", "VersionedStore", "Wire", "store-server"]),
    tests(
      "StoreCommands",
      [
        "GitFormat", "HostSystem", "StoreSync", "VersionedStore", "lares", "store-server",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    tests("Household", ["Wire"]),
    tests("Configuration", ["Household", "Wire"]),
    tests("HostSystem", ["Household", "Wire"]),
    tests("Netlink", ["CNetlinkShims", "HostSystem", "Household", "Wire"]),
    tests("Firewall", ["Netlink", "HostSystem", "Household", "Wire"], exclude: ["golden"]),
    tests("Interfaces", ["Netlink", "HostSystem", "Household", "Wire"]),
    tests("AddressService", ["address-server", "HostSystem", "Household", "Wire"]),
    tests("Uplink", ["Netlink", "HostSystem", "Household", "Wire"]),
    tests("NameService", ["HostSystem", "Household", "Wire", "CNameService", "CAllocationCount"]),
    tests(
      "Control",
      ["Configuration", "GitFormat", "HostSystem", "Household", "StoreSync", "VersionedStore", "Wire", "lares"]),
  ]
)
