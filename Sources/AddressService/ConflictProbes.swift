import Wire

/// Addresses that are being asked about (RFC 2131 section 2.2, RFC 5227 section 2.1) before they are offered to a client
/// that never had them.
struct ConflictProbes: Sendable {
  struct Pending: Sendable {
    let address: IPv4Address
    let scope: Int
    let client: DHCPClientKey
    /// The client's last DISCOVER, which the offer answers.
    var message: [UInt8]
    var arrival: DHCPArrival
    /// When to ask again, or to be content.
    var deadline: Instant
    /// Questions still to send.
    var questionsLeft: Int
    /// Addresses that were found in use for this client's sake.
    var avoided: Set<IPv4Address>
  }

  private(set) var pending: [Pending] = []

  func index(of address: IPv4Address) -> Int? { pending.firstIndex { $0.address == address } }
  func index(for client: DHCPClientKey, scope: Int) -> Int? {
    pending.firstIndex { $0.client == client && $0.scope == scope }
  }

  mutating func add(_ probe: Pending) { pending.append(probe) }
  mutating func remove(at index: Int) -> Pending { pending.remove(at: index) }
  mutating func removeAll() { pending = [] }

  /// The client asks again while its address is being probed: the offer will answer this message.
  mutating func update(at index: Int, message: [UInt8], arrival: DHCPArrival) {
    pending[index].message = message
    pending[index].arrival = arrival
  }

  var nextDeadline: Instant? { pending.map(\.deadline).min() }

  /// Questions to ask again now.
  mutating func takeRepeats(now: Instant, wait: Int64) -> [Pending] {
    var repeats: [Pending] = []
    for index in pending.indices where pending[index].deadline <= now && pending[index].questionsLeft > 0 {
      pending[index].questionsLeft -= 1
      pending[index].deadline = now.advanced(milliseconds: wait)
      repeats.append(pending[index])
    }
    return repeats
  }

  /// Probes that nobody answered.
  mutating func takeUnanswered(now: Instant) -> [Pending] {
    let done = pending.filter { $0.deadline <= now && $0.questionsLeft == 0 }
    pending.removeAll { $0.deadline <= now && $0.questionsLeft == 0 }
    return done
  }
}
