import Firewall
import HostSystem
import Household
import Wire

/// What the packet filter drops, as log lines and as facts.
final class DroppedPackets {
  private(set) var problems: [String] = []

  private let source: FirewallLog
  private let facts: FactWriter<FirewallLogEntry>
  private let log: Log
  private var count: UInt64

  /// Entries kept; the oldest go first.
  private static let capacity: UInt64 = 1_000

  init(folders: Folders, loop: EventLoop, log: Log) throws {
    self.log = log
    source = try FirewallLog()
    facts = try FactWriter(FactKinds.firewallLog, in: folders, loop: loop)
    count = facts.values.keys.compactMap { UInt64($0) }.max() ?? 0
    try loop.watch(source.fileDescriptor) { [unowned self] _ in read() }
  }

  /// Names that entries have from now on.
  func recognise(model: HouseholdModel, dynamic: FirewallDynamics) {
    source.recognise(model: model, dynamic: dynamic)
  }

  private func read() {
    do {
      var changes: [(key: String, value: FirewallLogEntry?)] = []
      for entry in try source.read(now: Clock.wall) {
        count += 1
        changes.append((Self.key(count), entry))
        if count > Self.capacity { changes.append((Self.key(count - Self.capacity), nil)) }
        log.passing("dropped", ["packet": entry.description])
      }
      try facts.apply(changes)
      problems = []
    } catch {
      problems = ["the firewall log cannot be read: \(error)"]
    }
  }

  /// Of fixed width, so that the order of keys is the order of events.
  private static func key(_ number: UInt64) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 16 - digits.count)) + digits
  }
}
