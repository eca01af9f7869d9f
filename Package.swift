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

/// A library target of Lares.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

/// The tests of the module of the same name, in Tests/<Module>Tests.
func tests(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: [.target(name: name), "TestSupport"] + dependencies, resources: resources,
    swiftSettings: swiftSettings)
}

let package = Package(
  name: "Lares",
  products: [
    .executable(name: "lares", targets: ["lares"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    // Pure: bytes in, bytes out. Builds for bare metal too.
    module("Wire"),

    // The values and the configuration that all parts share.
    module("Household", ["Wire"]),
    module("Configuration", ["Household", "Wire"]),

    // The thin edge to the operating system.
    .target(name: "CHostSystem"),
    module("HostSystem", ["CHostSystem", "Wire", "Household"]),
    .systemLibrary(name: "CMnl", pkgConfig: "libmnl", providers: [.apt(["libmnl-dev"])]),
    .target(name: "CNetlinkShims", dependencies: ["CMnl"]),
    module("Netlink", ["CMnl", "CNetlinkShims", "HostSystem", "Household", "Wire"]),

    // Capabilities. They do not import each other.
    .systemLibrary(name: "CNftnl", pkgConfig: "libnftnl", providers: [.apt(["libnftnl-dev"])]),
    module("Firewall", ["CNftnl", "CMnl", "CNetlinkShims", "Netlink", "HostSystem", "Household", "Wire"]),
    module("Interfaces", ["Netlink", "HostSystem", "Household", "Wire"]),
    module("AddressService", ["HostSystem", "Household", "Wire"]),
    module("Uplink", ["Netlink", "HostSystem", "Household", "Wire"]),
    .systemLibrary(name: "CLdns", providers: [.apt(["libldns-dev"])]),
    .target(name: "CNameService"),
    module("NameService", ["CLdns", "CNameService", "CHostSystem", "HostSystem", "Household", "Wire"]),

    // The API, and the executable.
    module("Control", ["Configuration", "HostSystem", "Household", "Wire"]),
    .executableTarget(
      name: "lares",
      dependencies: [
        "AddressService", "Configuration", "Control", "Firewall", "HostSystem", "Household", "Interfaces",
        "NameService",
        "Netlink", "Uplink", "Wire", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),

    .target(name: "CBenchDNS", path: "Benchmarks/dns/CBenchDNS"),
    .executableTarget(
      name: "bench-dns", dependencies: ["CBenchDNS", "NameService", "HostSystem", "Household", "Wire"],
      path: "Benchmarks/dns/bench-dns", swiftSettings: swiftSettings),

    .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
    .target(
      name: "TestSupport", dependencies: ["HostSystem"], path: "Tests/Support", swiftSettings: swiftSettings),
    tests("Wire"),
    tests("Household", ["Wire"]),
    tests("Configuration", ["Household", "Wire"]),
    tests("HostSystem", ["Household"]),
    tests("Netlink", ["HostSystem", "Household", "Wire"]),
    tests("Firewall", ["Netlink", "HostSystem", "Household", "Wire"]),
    tests("Interfaces", ["Netlink", "HostSystem", "Household", "Wire"]),
    tests("AddressService", ["HostSystem", "Household", "Wire"]),
    tests("Uplink", ["Netlink", "HostSystem", "Household", "Wire"]),
    tests("NameService", ["HostSystem", "Household", "Wire", "CNameService", "CAllocationCount"]),
    tests("Control", ["Configuration", "HostSystem", "Household", "Wire"]),
  ]
)
