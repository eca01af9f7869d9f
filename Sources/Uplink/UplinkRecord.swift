import Household
import Wire

/// The lease of an uplink with all that a new process needs to go on with it at once (INIT-REBOOT).
struct UplinkRecord: Codable, Sendable, Equatable {
  var lease: DHCPLease
  /// The interface that it was got on: on another one it says nothing.
  var device: String
  /// When it was asked for.
  var obtained: UnixTime

  /// False for times that no clock ever showed.
  var isPlausible: Bool { 0...1 << 40 ~= obtained }

  /// The lease on this machine's clock. A wall clock from before the lease, as machines without a battery have it after
  /// power-up, counts as no time gone by.
  func held(now: Instant, wall: UnixTime) -> DHCPClient.Held {
    let (gone, overflow) = wall.subtractingReportingOverflow(obtained)
    let century: Int64 = 100 * 366 * 86_400
    let seconds = overflow ? 0 : min(max(gone, 0), century)
    return DHCPClient.Held(lease, since: now.advanced(milliseconds: -seconds * 1_000))
  }
}

/// How often what says the same again with other times is written to storage.
enum RoutineWrites {
  /// The least seconds between two such writes.
  static let seconds: UnixTime = 60
}

extension UplinkRecord {
  /// Whether it is to be written where `written` is: it says more than other times, or that was a minute ago. The next process takes the lease for
  /// at most that minute older than it is.
  func isNews(after written: UplinkRecord?) -> Bool {
    guard let written else { return true }
    var same = self
    (same.obtained, same.lease.times) = (written.obtained, written.lease.times)
    let hasOtherLength = lease.times?.expiry != written.lease.times?.expiry
    return same != written || hasOtherLength || (obtained &- written.obtained).magnitude >= RoutineWrites.seconds
  }
}

extension UplinkFact {
  /// Whether it is to be written where `written` is. Only of a lease of less than a minute its mere renewal is not, but once a minute.
  func isNews(after written: UplinkFact?) -> Bool {
    guard let written, let expires, let before = written.expires,
      (expires &- obtained).magnitude < RoutineWrites.seconds,
      (before &- written.obtained).magnitude < RoutineWrites.seconds,
      Self.routine.contains(state), Self.routine.contains(written.state)
    else { return true }
    var same = self
    (same.obtained, same.expires) = (written.obtained, written.expires)
    (same.renews, same.rebinds, same.state) = (written.renews, written.rebinds, written.state)
    return same != written || (obtained &- written.obtained).magnitude >= RoutineWrites.seconds
  }

  /// States between which an uplink goes with each renewal.
  private static let routine: Set<String> = ["bound", "renewing"]
}

extension FactKinds {
  /// The lease of each uplink [uplink name]. Writer and only reader: network.
  static var uplinkLeases: FactKind<UplinkRecord> { FactKind("uplink-leases", isDurable: true) }
}

extension DHCPClient {
  /// The state for `status`, in words.
  func words(now: Instant) -> String {
    let isExpired = isExpired(now: now)
    return switch state {
    case .initial, .selecting: held == nil ? "searching" : isExpired ? "expired, kept" : "kept, no server answers"
    case .requesting, .checking: "requesting"
    case .initialReboot: isExpired ? "expired, kept" : "kept, waiting for the link"
    case .rebooting: isExpired ? "expired, kept, being confirmed" : "kept, being confirmed"
    case .bound: "bound"
    case .renewing: "renewing"
    case .rebinding: "rebinding"
    case .released: "released"
    }
  }
}
