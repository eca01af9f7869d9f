import GitFormat

/// Makes packs: chooses deltas, and writes.
public struct PackBuilder: Sendable {
  public struct Options: Sendable {
    /// How many neighbours of an object are tried as its base; 0 makes no deltas.
    public var window = 10
    /// After so many candidates in a row that were no better, no more are tried.
    public var patience = 16
    /// The longest chain of deltas.
    public var depth = 50
    /// Of compression, as for `Deflate.compress`.
    public var level = 6
    /// What compressing an entry has to save, in percent, as for `PackEntry.compress`.
    public var leastSaving = PackEntry.usualSaving
    /// Whether deltas and compressed data are taken from existing packs as they are.
    public var copies = true
    /// Whether deltas say where in the pack their base is (OFS_DELTA), not its name (REF_DELTA). Every Git reads both from
    /// files; who receives a pack has to say `ofs-delta`.
    public var usesOffsets = true
    /// Memory for the objects that are compared, in bytes.
    public var windowMemory = 64 << 20
    /// Memory for deltas until they are written, in bytes; those that do not fit are made twice.
    public var deltaMemory = 64 << 20
    /// Larger objects are stored whole.
    public var largestDelta = 32 << 20

    public init() {}

    /// As small as it gets, however long that takes: `git gc --aggressive`.
    public static var smallest: Options {
      var options = Options()
      options.window = 250
      options.patience = 50
      options.level = 12
      options.leastSaving = 0
      options.copies = false
      return options
    }
  }

  public var options: Options

  public init(_ options: Options = Options()) { self.options = options }

  /// Writes a pack of some objects.
  ///
  /// - Parameters:
  ///   - items: newest first, so that old versions become deltas of new ones. One that is named twice is written once.
  ///   - outside: objects that the reader of the pack has: what is a delta of one of them makes the pack thin.
  ///   - sink: takes the pack's bytes in order. What it throws ends the work.
  /// - Throws: `.missing` where an item is not in the source, and what the source and the sink throw.
  public func write(
    _ items: [PackItem], outside: [PackItem] = [], from source: some PackSource, to sink: @escaping PackSink
  ) throws(StoreError) -> WrittenPack {
    var plan = try PackPlan(items, outside: outside, from: source, options)
    if options.window > 0 {
      var search = DeltaSearch(plan, from: source, options)
      try search.run(&plan)
    }
    var output = PackOutput(plan, source, options)
    return try output.write(to: sink)
  }
}

/// Writes what a plan says: bases before what is made of them, and so that a reader who goes from the newest to the oldest
/// goes forward in the file.
private struct PackOutput<Source: PackSource> {
  private let nodes: [PackPlan.Node]
  private let source: Source
  private let options: PackBuilder.Options
  private var offsets: [Int]
  private var buffer: [UInt8] = []

  init(_ plan: PackPlan, _ source: Source, _ options: PackBuilder.Options) {
    nodes = plan.nodes
    self.source = source
    self.options = options
    offsets = Array(repeating: 0, count: nodes.count)
  }

  mutating func write(to sink: @escaping PackSink) throws(StoreError) -> WrittenPack {
    let count = nodes.reduce(0) { $0 + ($1.isOutside ? 0 : 1) }
    var writer = try PackWriter(count: count, source.format, sink: sink)
    var chain: [Int] = []
    for kind in [ObjectKind.commit, .tag, .tree, .blob] {
      for start in nodes.indices where nodes[start].kind == kind {
        var next: Int? = start
        while let number = next, offsets[number] == 0, !nodes[number].isOutside {
          chain.append(number)
          next = nodes[number].base
        }
        while let number = chain.popLast() {
          offsets[number] = writer.offset
          try write(number, &writer)
        }
      }
    }
    return try writer.finish()
  }

  private mutating func write(_ number: Int, _ writer: inout PackWriter) throws(StoreError) {
    let node = nodes[number]
    let content = content(of: number, writer.offset)
    switch node.form {
    case .copied(let copy):
      let data = UnsafeRawBufferPointer(rebasing: copy.pack.bytes[copy.data])
      try writer.append(node.id, content, size: copy.size, compressed: data)
    case .delta(let compressed, let size):
      let bytes = compressed.span.bytes
      try bytes.withUnsafeBytes { bytes throws(StoreError) in
        try writer.append(node.id, content, size: size, compressed: bytes)
      }
    case .whole:
      try compress(try object(number), node, content, &writer)
    case .remade:
      let target = try object(number)
      let index = Delta.Index(try node.base.map { base throws(StoreError) in try object(base) } ?? [])
      guard let delta = index.delta(to: target, limit: target.count) else {
        throw .malformed(FormatError("delta of \(node.id)", "it was smaller before"))
      }
      try compress(delta, node, content, &writer)
    }
  }

  private func content(of number: Int, _ offset: Int) -> PackEntry.Content {
    let node = nodes[number]
    guard let base = node.base else { return .object(node.kind) }
    return options.usesOffsets && !nodes[base].isOutside
      ? .offsetDelta(distance: offset - offsets[base]) : .delta(base: nodes[base].id)
  }

  private func object(_ number: Int) throws(StoreError) -> [UInt8] {
    guard let object = try source.object(nodes[number].id) else { throw .missing(nodes[number].id) }
    return object.bytes
  }

  private mutating func compress(
    _ bytes: [UInt8], _ node: PackPlan.Node, _ content: PackEntry.Content, _ writer: inout PackWriter
  ) throws(StoreError) {
    buffer.removeAll(keepingCapacity: true)
    bytes.withUnsafeBytes {
      PackEntry.compress($0, level: options.level, leastSaving: options.leastSaving, into: &buffer)
    }
    let compressed = buffer.span.bytes
    try compressed.withUnsafeBytes { compressed throws(StoreError) in
      try writer.append(node.id, content, size: bytes.count, compressed: compressed)
    }
  }
}
