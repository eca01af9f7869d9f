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
