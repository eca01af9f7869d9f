import GitFormat
import VersionedStore

/// Turns the deltas of a received pack into objects, to name and to check them. At most a few objects' bytes are in
/// memory; bases that wait for the rest of their deltas go to a file when they are too many.
struct DeltaResolver {
  private let file: SpoolFile
  private let format: ObjectFormat
  private let limits: ReceiveLimits
  private let check: ObjectChecking
  private(set) var entries: [IncomingEntry]
  private var unpacked: Int
  /// Deltas by the offset of their base, in its order; positions in `entries`.
  private var byOffset: [(base: Int, entry: Int)] = []
  private var byID: [ObjectID: [Int]] = [:]
  private var waiting: WaitingBases

  init(
    _ entries: [IncomingEntry], in file: SpoolFile, _ format: ObjectFormat, _ limits: ReceiveLimits, unpacked: Int,
    _ check: @escaping ObjectChecking
  ) {
    self.entries = entries
    self.file = file
    self.format = format
    self.limits = limits
    self.unpacked = unpacked
    self.check = check
    waiting = WaitingBases(path: file.path + ".bases", heldLimit: limits.waitingBytes)
    for (index, entry) in entries.enumerated() {
      switch entry.content {
      case .object: break
      case .offsetDelta(let distance): byOffset.append((entry.offset - distance, index))
      case .delta(let base): byID[base, default: []].append(index)
      }
    }
    byOffset.sort { $0 < $1 }
  }

  /// Resolves all deltas. Bases that are missing are appended to the pack.
  ///
  /// - Parameter onProgress: called with the number of objects named so far.
  mutating func run(
    over stored: any ObjectReader, onProgress: (Int) throws(StoreError) -> Void
  ) throws(StoreError) {
    guard !byOffset.isEmpty || !byID.isEmpty else { return }
    for index in entries.indices {
      guard entries[index].id != nil, case .object(let kind) = entries[index].content else { continue }
      let children = takeChildren(of: index)
      guard !children.isEmpty else { continue }
      try resolve(children, of: try inflate(index), kind)
      try onProgress(index)
    }
    // In the order of the pack, where a base comes before what is made of it: so the bases of bases are appended, and not what
    // is made of them, which is in the pack itself. What is neither here nor known yet may be made of another one.
    let deltas = entries.indices.filter {
      if case .delta = entries[$0].content { entries[$0].id == nil } else { false }
    }
    for index in deltas where entries[index].id == nil {
      guard case .delta(let base) = entries[index].content else { continue }
      try append(base, from: stored)
    }
    if let rest = entries.first(where: { $0.id == nil }) {
      guard case .delta(let base) = rest.content else {
        throw IncomingPack.malformed("the entry at byte \(rest.offset) is a delta of nothing in the pack")
      }
      throw IncomingPack.malformed("it has a delta of \(base), which is neither in it nor here")
    }
  }

  /// The deltas of an entry, each of which is given once.
  private mutating func takeChildren(of index: Int) -> [Int] {
    var children = entries[index].id.flatMap { byID.removeValue(forKey: $0) } ?? []
    let offset = entries[index].offset
    var (low, high) = (0, byOffset.count)
    while low < high {
      let middle = (low + high) / 2
      if byOffset[middle].base < offset { low = middle + 1 } else { high = middle }
    }
    while low < byOffset.count, byOffset[low].base == offset {
      // Two equal objects have the same name, but not the same offset: nothing is given twice.
      children.append(byOffset[low].entry)
      low += 1
    }
    return children
  }

  private func inflate(_ index: Int) throws(StoreError) -> [UInt8] {
    let entry = entries[index]
    let compressed = try file.read(entry.dataStart..<entry.end)
    do { return try Deflate.decompress(compressed, size: entry.size) } catch {
      throw IncomingPack.malformed("the entry at byte \(entry.offset): \(error.why)")
    }
  }

  /// Goes down from a base, depth first.
  private mutating func resolve(_ children: [Int], of base: [UInt8], _ kind: ObjectKind) throws(StoreError) {
    try waiting.push(children, base)
    while let (child, base) = try waiting.nextChild() {
      let object = try apply(child, to: base, kind)
      let children = takeChildren(of: child)
      guard !children.isEmpty else { continue }
      guard waiting.depth < limits.deltaDepth else {
        throw .tooLarge("a chain of more than \(limits.deltaDepth) deltas")
      }
      try waiting.push(children, object)
    }
  }

  private mutating func apply(_ index: Int, to base: [UInt8], _ kind: ObjectKind) throws(StoreError) -> [UInt8] {
    let delta = try inflate(index)
    do throws(FormatError) {
      let object = try delta.span.bytes.withUnsafeBytes { (delta) throws(FormatError) in
        try base.span.bytes.withUnsafeBytes { (base) throws(FormatError) in
          try Delta.apply(delta, to: base, limit: limits.objectBytes)
        }
      }
      unpacked += object.count
      entries[index].id = try ObjectID.of(kind, object, format)
      guard unpacked <= limits.unpackedBytes else { throw FormatError("received pack", "it unpacks to too much") }
      try checked(kind, object)
      return object
    } catch { throw .malformed(error) }
  }

  private func checked(_ kind: ObjectKind, _ bytes: [UInt8]) throws(FormatError) {
    guard kind != .blob else { return }
    do throws(StoreError) { try check(kind, bytes) } catch {
      if case .malformed(let fault) = error { throw fault }
      throw FormatError("\(kind) object", "\(error)")
    }
  }

  /// Completes a thin pack by a base, if we have it.
  private mutating func append(_ base: ObjectID, from stored: any ObjectReader) throws(StoreError) {
    let object: GitObject
    do throws(StoreError) { object = try stored.object(base) } catch .missing { return }
    guard let children = byID.removeValue(forKey: base) else { return }
    guard object.bytes.count <= limits.objectBytes else { throw .tooLarge("the base \(base) of a delta") }
    var bytes: [UInt8] = []
    let crc = PackEntry.append(object.kind, object.bytes, level: 1, to: &bytes)
    let offset = file.count
    try file.append(bytes)
    entries.append(
      IncomingEntry(
        offset: offset, dataStart: offset, end: file.count, crc: crc, content: .object(object.kind),
        size: object.bytes.count, id: base))
    try resolve(children, of: object.bytes, object.kind)
  }
}

/// Bases on the way down a chain of deltas, each with the deltas that still wait for it.
private struct WaitingBases {
  private enum Bytes {
    case here([UInt8])
    case inFile(Range<Int>)
    case gone
  }

  private struct Base {
    var bytes: Bytes
    var children: [Int]
  }

  private var stack: [Base] = []
  private var held = 0
  private var file: SpoolFile?
  private let path: String

  /// Bytes of bases that stay in memory, besides the lowest one.
  private let heldLimit: Int

  init(path: String, heldLimit: Int) {
    self.path = path
    self.heldLimit = heldLimit
  }

  var depth: Int { stack.count }

  /// Goes one base deeper.
  mutating func push(_ children: [Int], _ bytes: [UInt8]) throws(StoreError) {
    if let top = stack.indices.last {
      if stack[top].children.isEmpty {
        forget(top)
      } else if held > heldLimit {
        try putAway(top)
      }
    }
    stack.append(Base(bytes: .here(bytes), children: children))
    held += bytes.count
  }

  /// The next delta with the bytes of its base; nil when all are done.
  mutating func nextChild() throws(StoreError) -> (child: Int, base: [UInt8])? {
    while let top = stack.indices.last {
      if let child = stack[top].children.popLast() { return (child, try bytes(top)) }
      forget(top)
      stack.removeLast()
    }
    return nil
  }

  private mutating func bytes(_ index: Int) throws(StoreError) -> [UInt8] {
    switch stack[index].bytes {
    case .here(let bytes): return bytes
    case .inFile(let range):
      guard let file else { return [] }
      return try file.read(range)
    case .gone: return []
    }
  }

  private mutating func forget(_ index: Int) {
    if case .here(let bytes) = stack[index].bytes { held -= bytes.count }
    stack[index].bytes = .gone
  }

  private mutating func putAway(_ index: Int) throws(StoreError) {
    guard case .here(let bytes) = stack[index].bytes else { return }
    let file = if let file { file } else { try SpoolFile(path) }
    self.file = file
    let start = file.count
    try file.append(bytes)
    forget(index)
    stack[index].bytes = .inFile(start..<file.count)
  }
}
