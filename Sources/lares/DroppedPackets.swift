import Firewall
import Glibc
import HostSystem
import Household
import Netlink
import Wire

/// What the packet filter drops, as log lines and as facts. Without the kernel's log there are none; it is asked for again and again.
final class DroppedPackets {
  var problems: [String] { [absence, failure].compactMap(\.self) }
  /// False where the kernel has no such log at all: then it refuses rules that report.
  private(set) var isSupported = true
  /// Called when `isSupported` has changed.
  var onChange: () -> Void = {}

  private var source: FirewallLog?
  private let facts: FactWriter<FirewallLogEntry>
  private let loop: EventLoop
  private let log: Log
  private var count: UInt64
  private var names: (model: HouseholdModel, dynamic: FirewallDynamics)?
  /// Why there is no log, and why it could not be read.
  private var absence: String?
  private var failure: String?

  /// Entries kept; the oldest go first.
  private static let capacity: UInt64 = 1_000
  private static let retryMilliseconds: Int64 = 10_000

  init(folders: Folders, loop: EventLoop, log: Log) throws {
    self.loop = loop
    self.log = log
    facts = try FactWriter(FactKinds.firewallLog, in: folders, loop: loop)
    count = facts.values.keys.compactMap { UInt64($0) }.max() ?? 0
    open()
  }

  private func open() {
    let wasSupported = isSupported
    do {
      let source = try FirewallLog()
      try loop.watch(source.fileDescriptor) { [unowned self] _ in read() }
      if let names { source.recognise(model: names.model, dynamic: names.dynamic) }
      self.source = source
      (absence, isSupported) = (nil, true)
    } catch {
      let isTaken = [EPERM, EBUSY].contains((error as? NetlinkError)?.code)
      isSupported = isTaken || !(error is NetlinkError)
      let hint = isTaken ? "; another program has it: let that use another group" : ""
      let problem = "dropped packets are not shown: \(error)\(hint)"
      if absence != problem { log.warning(problem) }
      absence = problem
      loop.schedule(afterMilliseconds: Self.retryMilliseconds) { [unowned self] in open() }
    }
    if isSupported != wasSupported { onChange() }
  }

  /// Names that entries have from now on.
  func recognise(model: HouseholdModel, dynamic: FirewallDynamics) {
    names = (model, dynamic)
    source?.recognise(model: model, dynamic: dynamic)
  }

  private func read() {
    guard let source else { return }
    do {
      var changes: [(key: String, value: FirewallLogEntry?)] = []
      for entry in try source.read(now: Clock.wall) {
        count += 1
        changes.append((Self.key(count), entry))
        if count > Self.capacity { changes.append((Self.key(count - Self.capacity), nil)) }
        log.passing("dropped", ["packet": entry.description])
      }
      try facts.apply(changes)
      failure = nil
    } catch {
      failure = "the firewall log cannot be read: \(error)"
    }
  }

  /// Of fixed width, so that the order of keys is the order of events.
  private static func key(_ number: UInt64) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 16 - digits.count)) + digits
  }
}
