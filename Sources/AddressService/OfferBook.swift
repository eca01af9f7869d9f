import Wire

/// Addresses that were offered and not yet requested. In memory only: losing one costs its client a second try.
struct OfferBook: Sendable {
  struct Offer: Sendable {
    var client: DHCPClientKey
    var scope: Int
    var made: Instant
  }

  private struct Holder: Hashable, Sendable {
    var scope: Int
    var client: DHCPClientKey
  }

  private var offers: [IPv4Address: Offer] = [:]
  private var byHolder: [Holder: IPv4Address] = [:]
  /// Offers in the order in which they were made, with such that have gone since.
  private var queue: [(address: IPv4Address, made: Instant)] = []
  private var queueStart = 0

  subscript(address: IPv4Address) -> Offer? { offers[address] }

  /// What the client was offered.
  func address(for client: DHCPClientKey, scope: Int) -> IPv4Address? {
    byHolder[Holder(scope: scope, client: client)]
  }

  mutating func make(_ address: IPv4Address, for client: DHCPClientKey, scope: Int, now: Instant) {
    remove(address)
    offers[address] = Offer(client: client, scope: scope, made: now)
    byHolder[Holder(scope: scope, client: client)] = address
    queue.append((address, now))
    if queue.count - queueStart > 2 * offers.count + 1_024 { compactQueue() }
  }

  @discardableResult
  mutating func remove(_ address: IPv4Address) -> Offer? {
    guard let offer = offers.removeValue(forKey: address) else { return nil }
    let holder = Holder(scope: offer.scope, client: offer.client)
    if byHolder[holder] == address { byHolder[holder] = nil }
    return offer
  }

  mutating func removeAll() { self = OfferBook() }

  /// When the oldest offer was made.
  var oldest: Instant? {
    mutating get {
      skipGone()
      return queueStart < queue.count ? queue[queueStart].made : nil
    }
  }

  /// Removes the oldest offer if it was made at `limit` or before.
  mutating func removeOldest(madeUntil limit: Instant) -> (address: IPv4Address, offer: Offer)? {
    guard let oldest, oldest <= limit else { return nil }
    let address = queue[queueStart].address
    return remove(address).map { (address, $0) }
  }

  /// The oldest offer of a scope that was made at `limit` or before and whose address is allowed.
  func oldest(in scope: Int, madeUntil limit: Instant, where isAllowed: (IPv4Address) -> Bool) -> IPv4Address? {
    for entry in queue[queueStart...] {
      if entry.made > limit { return nil }
      if isCurrent(entry), offers[entry.address]?.scope == scope, isAllowed(entry.address) { return entry.address }
    }
    return nil
  }

  private func isCurrent(_ entry: (address: IPv4Address, made: Instant)) -> Bool {
    offers[entry.address]?.made == entry.made
  }

  private mutating func skipGone() {
    while queueStart < queue.count, !isCurrent(queue[queueStart]) { queueStart += 1 }
    if queueStart > 1_024, queueStart * 2 > queue.count { compactQueue() }
  }

  private mutating func compactQueue() {
    queue = queue[queueStart...].filter(isCurrent)
    queueStart = 0
  }
}
