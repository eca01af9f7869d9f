import GitFormat

/// Which objects go into a pack, and in what form each.
struct PackPlan {
  /// An object, by the number that the plan gives it.
  struct Node {
    let id: ObjectID
    let path: PathHash?
    var kind = ObjectKind.blob
    /// In bytes, once inflated; 0 where nobody has to know.
    var size = 0
    /// The number of the object that this one is a delta of.
    var base: Int?
    /// How many deltas have to be applied, and are applied on it, at most.
    var depth = 0
    var height = 0
    var form = Form.whole
    /// The receiver has it: deltas may be made of it, but it is not written.
    var isOutside = false
  }

  enum Form {
    /// Read and compressed when it is written.
    case whole
    /// Copied from a pack; a delta where the node has a base.
    case copied(Copy)
    /// A delta, compressed.
    case delta(compressed: [UInt8], size: Int)
    /// A delta, made again when it is written: there was no room to keep it.
    case remade
  }

  /// Where compressed data stands.
  struct Copy {
    let pack: PackFile
    let data: Range<Int>
    let size: Int
  }

  var nodes: [Node] = []
  /// Whether copied deltas are among them, so that depths change as their ends do.
  private(set) var hasCopiedDeltas = false

  /// Takes objects in as they are.
  ///
  /// - Parameter outside: objects that deltas may be made of and that are not written.
  init(
    _ items: [PackItem], outside: [PackItem], from source: some PackSource, _ options: PackBuilder.Options
  ) throws(StoreError) {
    var numbers: [ObjectID: Int] = [:]
    numbers.reserveCapacity(items.count + outside.count)
    nodes.reserveCapacity(items.count + outside.count)
    for item in items where numbers[item.id] == nil {
      numbers[item.id] = nodes.count
      nodes.append(Node(id: item.id, path: item.path))
    }
    let inside = nodes.indices
    for item in outside where numbers[item.id] == nil {
      // The reader may have more than we do.
      guard let (kind, size) = try source.kindAndSize(item.id) else { continue }
      numbers[item.id] = nodes.count
      nodes.append(Node(id: item.id, path: item.path, kind: kind, size: size, isOutside: true))
    }
    for number in inside { try takeStored(number, numbers, source, options) }
    try settleCopies(source, options)
  }

  /// Takes an object as it stands in a pack, where that is wanted and its base comes along.
  private mutating func takeStored(
    _ number: Int, _ numbers: [ObjectID: Int], _ source: some PackSource, _ options: PackBuilder.Options
  ) throws(StoreError) {
    if options.copies, let entry = source.storedEntry(nodes[number].id) {
      let copy = Copy(pack: entry.pack, data: entry.data, size: entry.size)
      switch entry.content {
      case .object(let kind):
        nodes[number].kind = kind
        nodes[number].size = entry.size
        nodes[number].form = .copied(copy)
        return
      case .delta(let base):
        if let base = numbers[base] {
          nodes[number].base = base
          nodes[number].form = .copied(copy)
          hasCopiedDeltas = true
          return
        }
      }
    }
    try takeWhole(number, source)
  }

  private mutating func takeWhole(_ number: Int, _ source: some PackSource) throws(StoreError) {
    guard let (kind, size) = try source.kindAndSize(nodes[number].id) else { throw .missing(nodes[number].id) }
    nodes[number].kind = kind
    nodes[number].size = size
    nodes[number].base = nil
    nodes[number].depth = 0
    nodes[number].form = .whole
  }

  private enum ChainState: UInt8 { case new, open, settled }

  /// Follows the chains of copied deltas: their ends know the kind. One that goes in a circle, as deltas of several packs
  /// may, or is too long, is cut.
  private mutating func settleCopies(_ source: some PackSource, _ options: PackBuilder.Options) throws(StoreError) {
    guard hasCopiedDeltas else { return }
    var states = nodes.map { $0.base == nil ? ChainState.settled : .new }
    var chain: [Int] = []
    for start in nodes.indices where states[start] == .new {
      var number = start
      while states[number] == .new {
        states[number] = .open
        chain.append(number)
        guard let base = nodes[number].base else { break }
        number = base
      }
      if states[number] == .open, let last = chain.popLast() {
        // The circle is cut at its last link.
        try takeWhole(last, source)
        states[last] = .settled
      }
      while let number = chain.popLast() {
        if let base = nodes[number].base, nodes[base].depth < options.depth {
          nodes[number].kind = nodes[base].kind
          nodes[number].depth = nodes[base].depth + 1
        } else {
          try takeWhole(number, source)
        }
        states[number] = .settled
      }
    }
    for number in nodes.indices where nodes[number].base != nil { raiseHeights(above: number) }
  }

  /// Tells the bases of a delta how long the chain on them is.
  mutating func raiseHeights(above number: Int) {
    var number = number
    while let base = nodes[number].base, nodes[base].height <= nodes[number].height {
      nodes[base].height = nodes[number].height + 1
      number = base
    }
  }

  /// How deep a node is; nil where it is made of another, so that it cannot be that one's base.
  func depth(of number: Int, asBaseOf target: Int) -> Int? {
    // Only ends of copied chains become deltas after something was made of them.
    guard hasCopiedDeltas else { return nodes[number].depth }
    var depth = 0
    var number = number
    while let base = nodes[number].base {
      number = base
      depth += 1
    }
    return number == target ? nil : depth
  }
}
