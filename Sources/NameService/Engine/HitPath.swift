import CNameService
import Wire

/// What one core does for a question whose answer it has: one pass over the received octets, no allocation, no lock,
/// no counter that another core touches.
///
/// What it cannot answer so is listed as a miss and left to the worker.
struct HitPath: ~Copyable {
  var cache: AnswerCache
  var key: QuestionKey
  let batch: UnsafeMutablePointer<lares_batch>
  /// Indices of the datagrams in the batch that the worker has to look at.
  private let missed: UnsafeMutablePointer<UInt8>
  private(set) var missCount = 0
  /// The generation of zone and policy in force.
  var generation: UInt32 = 1
  /// Unowned: the worker keeps the rules that own it.
  var groups: PolicyGroups.View
  var counters = Counters()

  /// Things counted per core; the worker publishes the sum now and then.
  struct Counters: Sendable, Equatable {
    var queries: UInt64 = 0
    var hits: UInt64 = 0
    var malformed: UInt64 = 0
    /// Answers that policy gave: a name that is blocked, an address that was withheld.
    var blocked: UInt64 = 0
  }

  /// Nil where there is no memory.
  init?(capacity: Int, secret: HashSecret, groups: PolicyGroups.View) {
    guard let cache = AnswerCache(capacity: capacity), let batch = lares_batch_create() else { return nil }
    self.cache = cache
    self.batch = batch
    self.groups = groups
    key = QuestionKey(secret: secret)
    missed = .allocate(capacity: Int(LARES_BATCH_SIZE))
  }

  deinit {
    lares_batch_destroy(batch)
    missed.deallocate()
  }

  /// The `index`th of the datagrams that were left over.
  func miss(_ index: Int) -> Int { Int(missed[index]) }

  /// The octets of a datagram that was left over, good until the next batch.
  func datagram(_ index: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: batch.pointee.datagrams + index * Int(LARES_SLOT_SIZE), count: length(of: index))
  }

  @inline(__always)
  private func length(of index: Int) -> Int { Int(lares_batch_length(batch, Int32(index))) }

  /// The cache's entry for the question in the key, whatever its age.
  func find() -> CacheEntry? { cache.find(key) }
  /// Takes in an answer to the question in the key.
  mutating func keep(_ answer: StoredAnswer) { cache.insert(answer, for: key) }
  /// Forgets the answer to the question in the key.
  mutating func forget() { cache.remove(key) }

  /// Answers what the cache can answer of `count` datagrams in the batch.
  ///
  /// - Parameter now: seconds of the cache's clock.
  mutating func serve(_ count: Int, now: UInt32) {
    missCount = 0
    counters.queries += UInt64(count)
    for index in 0..<count {
      let length = answer(index, now: now)
      lares_batch_set_answer_length(batch, Int32(index), UInt32(length))
      if length == 0 {
        missed[missCount] = UInt8(truncatingIfNeeded: index)
        missCount += 1
      }
    }
    counters.hits += UInt64(count - missCount)
  }

  /// The length of the answer written over one datagram; 0 where there is none, and the datagram as it was.
  @inline(__always)
  private mutating func answer(_ index: Int, now: UInt32) -> Int {
    let slot = UnsafeMutableRawPointer(batch.pointee.datagrams) + index &* Int(LARES_SLOT_SIZE)
    let bytes = UnsafeRawBufferPointer(start: slot, count: length(of: index))
    guard let query = try? DNSQuery(reading: bytes.bytes), query.recordClass == dnsClassInternet,
      query.ednsVersion == 0, query.flags.contains(.recursionDesired),
      let group = groups.group(of: lares_batch_endpoint(batch, Int32(index)))
    else { return 0 }
    let traits = QuestionTraits(query, group: group.rawValue)
    key.fill(name: slot + dnsHeaderLength, length: query.nameLength, traits: traits)
    guard let entry = cache.find(key), entry.generation == generation, now < entry.expires else { return 0 }
    if !entry.isUsed { entry.isUsed = true }
    counters.blocked &+= entry.isBlocked ? 1 : 0
    let terms = CacheEntry.Terms(limit: min(query.payloadSize, udpAnswerLimit), now: now)
    return entry.write(into: slot, question: slot, query: query, terms: terms)
  }
}
