public import Household
public import Wire

/// The household's zones at one moment: immutable, shared by all threads, answered from flat memory.
///
/// Authoritative for the household's domain, the reverse zones of its networks, and the zones that never leave a house (RFC 6303, RFC 6761).
public final class ZoneSnapshot: Sendable {
  /// Unowned access for the hit path. Valid as long as somebody keeps the snapshot.
  public let view: View
  /// The names of leases, to be kept in the next snapshot.
  public let leaseNames: LeaseNames
  private let names: [HouseName]

  init(_ tables: ZoneTables, key: NameHashKey, names: [HouseName], leaseNames: LeaseNames) {
    view = View(
      key: key, slots: UnsafeBufferPointer(copying: tables.slots), nodes: UnsafeBufferPointer(copying: tables.nodes),
      responses: UnsafeBufferPointer(copying: tables.responses), bytes: UnsafeBufferPointer(copying: tables.bytes))
    self.names = names
    self.leaseNames = leaseNames
  }

  deinit {
    view.slots.deallocate()
    view.nodes.deallocate()
    view.responses.deallocate()
    view.bytes.deallocate()
  }

  /// The zone's answer to a name in lower case on the wire; nil where the name is none of ours. Allocates nothing.
  public func answer(_ name: UnsafeRawBufferPointer, type: DNSType) -> ZoneAnswer? { view.answer(name, type: type) }

  /// What the zone knows, for `FactKinds.names`; each name once. Made anew by each call: answers need not wait for it.
  public var facts: [NameFact] {
    var facts: [NameFact] = []
    facts.reserveCapacity(names.count)
    var places: [String: Int] = [:]
    for name in names where name.isListed {
      let text = name.name.description
      if let place = places[text] {
        for address in name.addresses where !facts[place].addresses.contains(address) {
          facts[place].addresses.append(address)
        }
      } else {
        places[text] = facts.count
        facts.append(NameFact(name: text, addresses: name.addresses, source: name.source.rawValue))
      }
    }
    return facts
  }

  /// Memory of the tables in bytes.
  public var byteCount: Int {
    view.slots.count * MemoryLayout<UInt32>.stride + view.nodes.count * MemoryLayout<ZoneNode>.stride
      + view.responses.count * MemoryLayout<ZoneResponse>.stride + view.bytes.count
  }

  /// The tables without ownership: copying it touches no reference count.
  public struct View: @unchecked Sendable {
    // Never written after `init`, so threads may share them.
    let key: NameHashKey
    let slots: UnsafeBufferPointer<UInt32>
    let nodes: UnsafeBufferPointer<ZoneNode>
    let responses: UnsafeBufferPointer<ZoneResponse>
    let bytes: UnsafeBufferPointer<UInt8>

    /// The zone's answer to a name in lower case on the wire; nil where the name is none of ours. Allocates nothing.
    ///
    /// The walk goes down from the top-level domain and ends at the first label that the zones do not have, so other people's names cost one
    /// look. ANY gets one of the name's record sets (RFC 8482 section 4.1).
    public func answer(_ name: UnsafeRawBufferPointer, type: DNSType) -> ZoneAnswer? {
      var encloser = ZoneNode.none
      var isWhole = false
      forEachSuffix(of: name, key: key) { hash, offset in
        guard let found = find(hash) else { return false }
        encloser = found
        isWhole = offset == 0
        return nodes[Int(found)].isPath || nodes[Int(found)].isOurs
      }
      guard encloser != ZoneNode.none else { return nil }
      var node = nodes[Int(encloser)]
      guard node.isOurs else { return nil }
      if !isWhole {
        guard node.wildcard != ZoneNode.none else { return answer(node.noName) }
        node = nodes[Int(node.wildcard)]
      }
      let end = node.firstResponse + UInt32(node.responseCount)
      for index in node.firstResponse..<end
      where responses[Int(index)].type == type.rawValue || type == .any { return answer(index) }
      return answer(node.noData)
    }

    private func find(_ hash: UInt64) -> UInt32? {
      let mask = UInt64(slots.count - 1)
      var index = hash & mask
      while true {
        let node = slots[Int(index)]
        if node == ZoneNode.none { return nil }
        if nodes[Int(node)].hash == hash { return node }
        index = (index &+ 1) & mask
      }
    }

    private func answer(_ index: UInt32) -> ZoneAnswer {
      let response = responses[Int(index)]
      return ZoneAnswer(
        responseCode: DNSResponseCode(rawValue: UInt16(response.code)), answerCount: response.answerCount,
        authorityCount: response.authorityCount,
        answers: bytes(response.answers), authority: bytes(response.authority), alias: bytes(response.alias))
    }

    private func bytes(_ span: ByteSpan) -> UnsafeRawBufferPointer {
      UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[span.range])
    }
  }
}

/// The flat tables of a snapshot.
struct ZoneTables {
  /// Node numbers by hash, open-addressed, a power of two of them and at least half of them empty.
  var slots: [UInt32]
  var nodes: [ZoneNode]
  var responses: [ZoneResponse]
  var bytes: [UInt8]
}

/// One name of the tree. Names are known by their keyed hash of 64 bits: two that are equal do not happen.
struct ZoneNode {
  static let none = UInt32.max

  var hash: UInt64
  /// Its record sets, in `responses`.
  var firstResponse: UInt32 = 0
  var responseCount: UInt16 = 0
  /// Above our zones: it exists so that the walk finds them.
  var isPath = false
  /// In one of our zones, and not in a forward zone.
  var isOurs = false
  /// The node `*` directly below (RFC 4592).
  var wildcard = none
  /// The responses for a type that it does not have, and for a name that is not below it.
  var noData: UInt32 = 0
  var noName: UInt32 = 0
}

/// A prebuilt response.
struct ZoneResponse {
  var type: UInt16 = 0
  var code: UInt8 = 0
  var answerCount: UInt16 = 0
  var authorityCount: UInt16 = 0
  var answers = ByteSpan()
  var authority = ByteSpan()
  var alias = ByteSpan()
}

/// A part of a snapshot's bytes.
struct ByteSpan {
  var offset: UInt32 = 0
  var count: UInt32 = 0

  var range: Range<Int> { Int(offset)..<Int(offset) + Int(count) }
}
