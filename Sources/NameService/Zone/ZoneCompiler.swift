import Wire

/// Turns records into the flat tables of a snapshot, with every response built in advance.
struct ZoneCompiler {
  /// What the zones are made of.
  struct Input {
    /// Names of the zones, in lower case. Each has its SOA among the records.
    var apexes: [DomainName]
    /// Names inside the zones that other servers know about, with everything below them.
    var cuts: [DomainName]
    var records: [ZoneRecord]
  }

  /// Addresses of one name and family that an answer has at most; more help nobody.
  static let maximumAddresses = 64
  /// Aliases that a chain may have; longer ones, and circles, are answered with SERVFAIL.
  static let longestChain = 8

  private let key: NameHashKey
  private let records: [ZoneRecord]
  private var numbers: [UInt64: UInt32] = [:]
  private var nodes: [ZoneNode] = []
  /// Of each node: the one above it, its zone, and the places of its records in `order`.
  private var parents: [UInt32] = []
  private var zones: [UInt32] = []
  private var order: [Int] = []
  private var places: [Range<Int>] = []
  /// SOA record of each zone as it stands in the authority section.
  private var authorities: [ByteSpan] = []
  private var responses: [ZoneResponse] = []
  private var bytes = ByteWriter()
  /// Owners of aliases that go round in circles.
  private(set) var circles: [DomainName] = []

  init(_ input: Input, key: NameHashKey) {
    self.key = key
    records = input.records
    numbers.reserveCapacity(records.count * 2)
    let apexes = input.apexes.map { node(for: $0) }
    let cuts = input.cuts.map { node(for: $0) }
    let owners = records.map { node(for: $0.owner) }
    markZones(apexes: apexes, cuts: Set(cuts))
    sortRecords(by: owners)
    buildNegativeResponses(apexes: apexes)
    for number in nodes.indices where nodes[number].isOurs { buildResponses(of: number) }
  }

  /// The finished tables.
  consuming func tables() -> ZoneTables {
    var capacity = 16
    while capacity < nodes.count * 2 { capacity *= 2 }
    var slots = [UInt32](repeating: ZoneNode.none, count: capacity)
    for (number, node) in nodes.enumerated() {
      var index = Int(node.hash & UInt64(capacity - 1))
      while slots[index] != ZoneNode.none { index = (index + 1) & (capacity - 1) }
      slots[index] = UInt32(number)
    }
    return ZoneTables(slots: slots, nodes: nodes, responses: responses, bytes: bytes.bytes)
  }

  // MARK: The tree

  /// The node of a name; it and those above it are made where they are missing. A node's number is above its parent's.
  private mutating func node(for name: DomainName) -> UInt32 {
    var last = ZoneNode.none
    name.wire.withUnsafeBytes { wire in
      forEachSuffix(of: wire, key: key) { hash, offset in
        if let known = numbers[hash] {
          last = known
          return true
        }
        let number = UInt32(nodes.count)
        if wire[offset] == 1, wire[offset + 1] == UInt8(ascii: "*"), last != ZoneNode.none {
          nodes[Int(last)].wildcard = number
        }
        nodes.append(ZoneNode(hash: hash))
        parents.append(last)
        numbers[hash] = number
        last = number
        return true
      }
    }
    return last
  }

  private mutating func markZones(apexes: [UInt32], cuts: Set<UInt32>) {
    zones = Array(repeating: ZoneNode.none, count: nodes.count)
    for (zone, apex) in apexes.enumerated() where apex != ZoneNode.none { zones[Int(apex)] = UInt32(zone) }
    for number in nodes.indices {
      let parent = parents[number]
      let isApex = zones[number] != ZoneNode.none
      let isBelow = parent != ZoneNode.none && nodes[Int(parent)].isOurs && !cuts.contains(UInt32(number))
      if !isApex, isBelow { zones[number] = zones[Int(parent)] }
      nodes[number].isOurs = isApex || isBelow
      nodes[number].isPath = !nodes[number].isOurs && (parent == ZoneNode.none || nodes[Int(parent)].isPath)
    }
  }

  private mutating func sortRecords(by owners: [UInt32]) {
    order = records.indices.sorted {
      (owners[$0], records[$0].type.rawValue, $0) < (owners[$1], records[$1].type.rawValue, $1)
    }
    places = Array(repeating: 0..<0, count: nodes.count)
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, owners[order[end]] == owners[order[start]] { end += 1 }
      let owner = owners[order[start]]
      if owner != ZoneNode.none { places[Int(owner)] = start..<end }
      start = end
    }
  }

  // MARK: Responses

  /// Two for each zone: no such type, no such name (RFC 2308 section 2).
  private mutating func buildNegativeResponses(apexes: [UInt32]) {
    for apex in apexes {
      let place = apex == ZoneNode.none ? 0..<0 : places[Int(apex)]
      let soa = order[place].first { records[$0].type == .soa }
      let authority = record { compiler in
        guard let soa else { return }
        // How long "no" may be kept is the lesser of the record's lifetime and its last number (RFC 2308 section 3).
        let record = compiler.records[soa]
        let minimum = record.data.suffix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        compiler.write(record, ttl: min(record.ttl, minimum), owner: record.owner.wire)
      }
      authorities.append(authority)
      for code: UInt8 in [0, 3] {
        responses.append(ZoneResponse(code: code, authorityCount: soa == nil ? 0 : 1, authority: authority))
      }
    }
    for number in nodes.indices where nodes[number].isOurs {
      nodes[number].noData = zones[number] * 2
      nodes[number].noName = zones[number] * 2 + 1
    }
  }

  private mutating func buildResponses(of number: Int) {
    nodes[number].firstResponse = UInt32(responses.count)
    if let alias = order[places[number]].first(where: { records[$0].type == .cname }) {
      buildAlias(alias, of: number)
    } else {
      for set in recordSets(of: number) {
        let (span, count) = writeSet(set, owner: nil)
        responses.append(
          ZoneResponse(
            type: records[order[set.lowerBound]].type.rawValue, answerCount: UInt16(clamping: count), answers: span))
      }
    }
    nodes[number].responseCount = UInt16(responses.count - Int(nodes[number].firstResponse))
    if nodes[number].responseCount > 0, responses[responses.count - 1].type == 0 {
      // The alias's own response for every other type stands last.
      nodes[number].responseCount -= 1
      nodes[number].noData = UInt32(responses.count - 1)
    }
  }

  /// An alias: itself, then each set of records at its end behind the chain, then the response for what is not there.
  private mutating func buildAlias(_ alias: Int, of number: Int) {
    var chain = [alias]
    let own = record { $0.write(alias, owner: nil) }
    responses.append(ZoneResponse(type: DNSType.cname.rawValue, answerCount: 1, answers: own))
    while true {
      guard let target = DomainName(wire: records[chain[chain.count - 1]].data)?.canonical else { return }
      switch find(target) {
      case .outside:
        let name = record { $0.bytes.write(contentsOf: target.wire) }
        return append(chain, alias: name)
      case .missing(let zone):
        return append(chain, code: 3, authority: authorities[Int(zone)])
      case .node(let end):
        if let next = order[places[Int(end)]].first(where: { records[$0].type == .cname }) {
          guard chain.count < Self.longestChain else {
            circles.append(records[alias].owner)
            return append([], code: 2)
          }
          chain.append(next)
          continue
        }
        for set in recordSets(of: Int(end)) { append(chain, then: set, owner: target) }
        return append(chain, authority: authorities[Int(zones[Int(end)])])
      }
    }
  }

  /// The response for types that an alias's end does not have.
  private mutating func append(
    _ chain: [Int], code: UInt8 = 0, authority: ByteSpan = ByteSpan(), alias: ByteSpan = ByteSpan()
  ) {
    let answers = record { $0.write(chain: chain) }
    responses.append(
      ZoneResponse(
        code: code, answerCount: UInt16(clamping: chain.count), authorityCount: authority.count == 0 ? 0 : 1,
        answers: answers, authority: authority, alias: alias))
  }

  private mutating func append(_ chain: [Int], then set: Range<Int>, owner: DomainName) {
    var count = 0
    let answers = record { compiler in
      compiler.write(chain: chain)
      count = compiler.writeSet(set, owner: owner.wire).count
    }
    responses.append(
      ZoneResponse(
        type: records[order[set.lowerBound]].type.rawValue, answerCount: UInt16(clamping: chain.count + count),
        answers: answers)
    )
  }

  private enum Location {
    case outside
    case missing(zone: UInt32)
    case node(UInt32)
  }

  /// Where a name is, as a query for it would find it.
  private func find(_ name: DomainName) -> Location {
    var encloser = ZoneNode.none
    var isWhole = false
    name.wire.withUnsafeBytes { wire in
      forEachSuffix(of: wire, key: key) { hash, offset in
        guard let number = numbers[hash] else { return false }
        encloser = number
        isWhole = offset == 0
        return nodes[Int(number)].isPath || nodes[Int(number)].isOurs
      }
    }
    guard encloser != ZoneNode.none, nodes[Int(encloser)].isOurs else { return .outside }
    if isWhole { return .node(encloser) }
    let wildcard = nodes[Int(encloser)].wildcard
    return wildcard == ZoneNode.none ? .missing(zone: zones[Int(encloser)]) : .node(wildcard)
  }

  /// Places in `order` of each record set of a node.
  private func recordSets(of number: Int) -> [Range<Int>] {
    var sets: [Range<Int>] = []
    var start = places[number].lowerBound
    while start < places[number].upperBound {
      var end = start + 1
      while end < places[number].upperBound, records[order[end]].type == records[order[start]].type { end += 1 }
      sets.append(start..<end)
      start = end
    }
    return sets
  }

  // MARK: Bytes

  private mutating func record(_ body: (inout ZoneCompiler) -> Void) -> ByteSpan {
    let start = bytes.count
    body(&self)
    return ByteSpan(offset: UInt32(start), count: UInt32(bytes.count - start))
  }

  /// Writes a set, each of its data once; of addresses the first ones.
  @discardableResult
  private mutating func writeSet(_ set: Range<Int>, owner: [UInt8]?) -> (span: ByteSpan, count: Int) {
    var written: [Int] = []
    let type = records[order[set.lowerBound]].type
    let most = type == .a || type == .aaaa ? Self.maximumAddresses : .max
    let span = record { compiler in
      for index in compiler.order[set] {
        guard written.count < most else { break }
        guard !written.contains(where: { compiler.records[$0].data == compiler.records[index].data }) else { continue }
        compiler.write(index, owner: owner)
        written.append(index)
      }
    }
    return (span, written.count)
  }

  private mutating func write(chain: [Int]) {
    for (position, alias) in chain.enumerated() {
      write(alias, owner: position == 0 ? nil : records[chain[position - 1]].data)
    }
  }

  /// - Parameter owner: nil: the question's name.
  private mutating func write(_ index: Int, owner: [UInt8]?) {
    write(records[index], ttl: records[index].ttl, owner: owner)
  }

  private mutating func write(_ record: ZoneRecord, ttl: UInt32, owner: [UInt8]?) {
    if let owner { bytes.write(contentsOf: owner) } else { bytes.write(UInt16(0xc00c)) }
    bytes.write(record.type.rawValue)
    bytes.write(dnsClassInternet)
    bytes.write(ttl)
    bytes.write(UInt16(clamping: record.data.count))
    bytes.write(contentsOf: record.data)
  }
}
