import Glibc
public import Household
public import Netlink
import Wire

/// The live log of dropped packets: receives what the rules report. It belongs to the thread that made it.
public final class FirewallLog {
  /// The NFLOG group that our rules report to.
  public static let group: UInt16 = 77
  /// Stands before a rule's name in each report.
  static let prefix = "lares:"
  /// Bytes of each packet that are reported, from its IP header on.
  static let copyBytes: UInt32 = 128

  private let source: PacketLog
  private var directory: FirewallDirectory

  /// Takes the log group of the network namespace; only one process can have it.
  public init() throws(NetlinkError) {
    source = try PacketLog(group: Self.group, copyBytes: Self.copyBytes)
    directory = FirewallDirectory(model: nil, dynamic: FirewallDynamics())
  }

  /// For an event loop to watch.
  public var fileDescriptor: Int32 { source.fileDescriptor }

  /// Times that reports were lost because nobody read them in time.
  public var overruns: Int { source.overruns }

  /// Names that entries have from now on.
  public func recognise(model: HouseholdModel, dynamic: FirewallDynamics) {
    directory = FirewallDirectory(model: model, dynamic: dynamic)
  }

  /// Takes in what was reported since the last call, and answers it; never waits.
  ///
  /// - Parameter now: Time of entries to which the kernel gave none.
  public func read(now: UnixTime) throws(NetlinkError) -> [FirewallLogEntry] {
    try source.packets().compactMap { directory.entry($0, now: now, interface: Self.interfaceName) }
  }

  /// if_indextoname(3), in the namespace of the calling thread.
  private static func interfaceName(_ index: Int32) -> String? {
    var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
    guard if_indextoname(UInt32(bitPattern: index), &name) != nil else { return nil }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Finds names for what a packet shows. Pure.
struct FirewallDirectory {
  private var zones: [String: String] = [:]
  /// Interfaces of home networks: only there a source address says who it may be.
  private var homes: Set<String> = []
  private var byHardware: [MACAddress: String] = [:]
  private var byAddress: [IPAddress: String] = [:]

  init(model: HouseholdModel?, dynamic: FirewallDynamics) {
    guard let model else { return }
    for network in model.networks {
      zones[network.device] = network.name
      homes.insert(network.device)
    }
    for uplink in model.uplinks { zones[uplink.device] = uplink.name }
    let policy = FirewallPolicy(model: model, dynamic: dynamic)
    for device in model.devices {
      for hardware in policy.hardware(of: device.name) { byHardware[hardware] = device.name }
      for address in policy.addresses(of: device.name) { byAddress[address] = device.name }
    }
  }

  private func device(_ hardware: MACAddress?, _ source: IPAddress, _ input: String) -> String? {
    guard homes.contains(input) else { return nil }
    return if let hardware { byHardware[hardware] } else { byAddress[source] }
  }

  /// Nil where the report is not of our rules, or shows no whole IP header.
  func entry(_ packet: LoggedPacket, now: UnixTime, interface: (Int32) -> String?) -> FirewallLogEntry? {
    guard packet.prefix.hasPrefix(FirewallLog.prefix),
      let header = packet.payload.withUnsafeBytes({ PacketHeader($0.bytes) })
    else { return nil }
    let input = packet.input.flatMap(interface) ?? ""
    return FirewallLogEntry(
      time: packet.nanoseconds.map { $0 / 1_000_000_000 } ?? now,
      rule: String(packet.prefix.dropFirst(FirewallLog.prefix.count)), zone: zones[input] ?? input,
      device: device(packet.hardware, header.source, input), hardware: packet.hardware,
      source: header.source, destination: header.destination, transport: header.transport,
      sourcePort: header.sourcePort, destinationPort: header.destinationPort)
  }
}
