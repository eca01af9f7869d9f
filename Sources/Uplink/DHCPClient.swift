public import Household
public import Wire

/// The client side of DHCPv4: the state machine of RFC 2131 section 4.4, figure 5. Pure.
///
/// Events go in with the time and a source of randomness; actions come out. `deadline` says when to send `.timer`.
///
/// Beyond the RFC: the last lease is kept past its end while no server answers (`lease` stays, `isExpired` says so).
/// Only a refusal (DHCPNAK), another lease, a conflict with the home, or `.release` takes it away.
public struct DHCPClient: Sendable {
  public enum State: String, Sendable {
    /// INIT: waits for the link or for a pause to end, with no lease asked for.
    case initial
    case selecting, requesting
    /// Figure 5's arrow from REQUESTING to BOUND: asks by ARP whether somebody has the address.
    case checking
    /// INIT-REBOOT: has a lease from before, waits for the link.
    case initialReboot
    case rebooting, bound, renewing, rebinding
    /// The lease was given back by hand; nothing happens until `.renew`.
    case released
  }

  public enum Event: Sendable, Equatable {
    case linkUp, linkDown
    /// `deadline` has come.
    case timer
    /// Somebody else answered for the address that `.probe` asked about.
    case conflict(MACAddress)
    /// Ask the server now, whatever the state.
    case renew
    /// Give the lease back.
    case release
    /// The home's networks have changed.
    case homePrefixes([IPPrefix])
  }

  public enum Action: Sendable, Equatable {
    /// From 0.0.0.0 to 255.255.255.255.
    case broadcast([UInt8])
    /// From the lease's address to a server.
    case unicast([UInt8], from: IPv4Address, to: IPv4Address)
    /// Send an ARP probe for an address and report answers as `.conflict`.
    case probe(IPv4Address)
    /// Use this lease. Sent again where it was renewed.
    case configure(DHCPLease)
    /// Stop using the lease; the sentence says why.
    case deconfigure(String)
  }

  /// A lease in use.
  public struct Held: Sendable, Equatable {
    public var lease: DHCPLease
    /// When it was asked for: where its times count from.
    public var since: Instant

    public init(_ lease: DHCPLease, since: Instant) {
      self.lease = lease
      self.since = since
    }

    func deadline(_ time: KeyPath<DHCPLease.Times, UInt32>) -> Instant? {
      lease.times.map { since.advanced(milliseconds: Int64($0[keyPath: time]) * 1_000) }
    }
  }

  /// The interface, for sentences.
  public let device: String
  public let identity: DHCPClientIdentity
  public internal(set) var state: State
  /// What the interface has.
  public internal(set) var held: Held?
  /// When to send `.timer`; nil: nothing to wait for.
  public internal(set) var deadline: Instant?
  /// Why the last offer was not taken, in a sentence; nil since a lease was taken.
  public internal(set) var refusal: String?
  /// Nothing has gone wrong since the link came: no answer was late, none was refused.
  public internal(set) var isFresh = true
  public internal(set) var counters = DHCPClientCounters()

  var homePrefixes: [IPPrefix]
  /// The exchange that is going on.
  var exchange = Exchange()
  /// The offered or acknowledged lease that is not in use yet.
  var candidate: Held?
  /// ARP probes sent for `candidate`.
  var probesSent = 0
  /// Refusals and conflicts since the last lease that was taken: the reason to slow down.
  var setbacks = 0

  /// One exchange of messages under one transaction identifier.
  struct Exchange: Sendable {
    var transaction: UInt32 = 0
    var began = Instant(nanoseconds: 0)
    /// When the present kind of message was first sent.
    var asked = Instant(nanoseconds: 0)
    /// Transmissions of the present kind of message.
    var attempts = 0
  }

  /// - Parameter restored: the lease of an earlier process. It stays in use while the server is asked about it.
  public init(
    device: String, identity: DHCPClientIdentity, homePrefixes: [IPPrefix] = [], restored: Held? = nil
  ) {
    self.device = device
    self.identity = identity
    self.homePrefixes = homePrefixes
    let overlaps = restored.map { held in homePrefixes.contains { $0.overlaps(held.lease.address.prefix) } } ?? false
    held = overlaps ? nil : restored
    state = held == nil ? .initial : .initialReboot
  }

  /// Whether answers of servers matter now.
  public var isListening: Bool {
    switch state {
    case .selecting, .requesting, .rebooting, .renewing, .rebinding: true
    case .initial, .checking, .initialReboot, .bound, .released: false
    }
  }

  /// Whether the lease in use has ended.
  public func isExpired(now: Instant) -> Bool { held?.deadline(\.expiry).map { now >= $0 } ?? false }

  /// Takes an event that is no packet.
  public mutating func handle(
    _ event: Event, now: Instant, random: inout some RandomNumberGenerator
  ) -> [Action] {
    switch event {
    case .linkUp: return linkUp(now, &random)
    case .linkDown: return linkDown()
    case .timer:
      guard let deadline, now >= deadline else { return [] }
      return timer(now, &random)
    case .conflict(let hardware): return conflict(with: hardware, now, &random)
    case .renew: return renew(now, &random)
    case .release: return release(now, &random)
    case .homePrefixes(let prefixes): return setHome(prefixes, now, &random)
    }
  }
}

/// What the client says of itself, the same in all messages.
public struct DHCPClientIdentity: Sendable, Equatable {
  /// `chaddr`.
  public var hardware: MACAddress
  public var settings: DHCPClientSettings

  public init(hardware: MACAddress, settings: DHCPClientSettings = DHCPClientSettings()) {
    self.hardware = hardware
    self.settings = settings
  }
}

/// Totals since the start.
public struct DHCPClientCounters: Sendable, Equatable {
  public var sent: [DHCPv4MessageType: UInt64] = [:]
  /// Taken as answers.
  public var received: [DHCPv4MessageType: UInt64] = [:]
  /// Well-formed, but no answer to what was asked, or not acceptable.
  public var ignored: UInt64 = 0
  /// No DHCP message, or a damaged one.
  public var malformed: UInt64 = 0
}
