import GitFormat

/// Finds a base for each object of a plan that has none, among those beside it: other versions of its path, then objects
/// of paths that end alike.
struct DeltaSearch<Source: PackSource> {
  private let source: Source
  private let options: PackBuilder.Options
  /// Numbers of nodes, like beside like.
  private let order: [Int]
  private var window: DeltaWindow
  /// Bytes of deltas that are kept until they are written.
  private var kept = 0

  /// Smaller objects gain nothing.
  private static var smallest: Int { 24 }

  init(_ plan: PackPlan, from source: Source, _ options: PackBuilder.Options) {
    self.source = source
    self.options = options
    window = DeltaWindow(count: options.window, memory: options.windowMemory)
    order = plan.nodes.indices.sorted { Self.precedes(plan.nodes[$0], $0, plan.nodes[$1], $1) }
  }

  /// By kind and path; versions of one path as they were given, newest first. Objects whose path nobody knows by size, the
  /// largest first, for it is cheaper to leave bytes out than to put them in.
  private static func precedes(_ a: PackPlan.Node, _ i: Int, _ b: PackPlan.Node, _ j: Int) -> Bool {
    if a.kind != b.kind { return a.kind.rawValue < b.kind.rawValue }
    switch (a.path, b.path) {
    case (let left?, let right?): return left == right ? i < j : left > right
    case (_?, nil): return true
    case (nil, _?): return false
    case (nil, nil):
      let isOrdered = a.kind == .commit || a.size == b.size
      return isOrdered ? i < j : a.size > b.size
    }
  }

  /// Searches for all.
  mutating func run(_ plan: inout PackPlan) throws(StoreError) {
    for place in order.indices {
      let node = plan.nodes[order[place]]
      guard node.base == nil, !node.isOutside, node.size >= Self.smallest, node.size <= options.largestDelta else {
        continue
      }
      try search(place, &plan)
    }
  }

  private mutating func search(_ place: Int, _ plan: inout PackPlan) throws(StoreError) {
    let number = order[place]
    let candidates = self.candidates(place, plan)
    guard !candidates.isEmpty else { return }
    guard let target = try load(place, plan) else { return }
    let node = plan.nodes[number]
    // Commits and small trees, of names and times, hardly compress: for them even a long delta may be less.
    let limit = node.kind == .blob || target.count >= 1_024 ? target.count / 2 : target.count
    var choice = DeltaChoice(size: target.count, height: node.height, deepest: options.depth, limit: limit)
    var vain = 0
    for candidate in candidates where vain < options.patience {
      guard let depth = plan.depth(of: order[candidate], asBaseOf: number) else { continue }
      guard let size = try load(candidate, plan)?.count else { break }
      let before = choice.best?.base
      choice.consider(candidate, depth: depth, baseSize: size, target: target) { window.index(candidate) }
      vain = choice.best?.base == before ? vain + 1 : 0
    }
    guard let best = choice.best, let form = form(best.delta, of: target) else { return }
    plan.nodes[number].base = order[best.base]
    plan.nodes[number].depth = best.depth
    plan.nodes[number].form = form
    plan.raiseHeights(above: number)
  }

  /// The places whose objects may be bases, nearest first.
  private func candidates(_ place: Int, _ plan: PackPlan) -> [Int] {
    let target = plan.nodes[order[place]]
    return stride(from: place - 1, through: max(0, place - options.window), by: -1).filter {
      let node = plan.nodes[order[$0]]
      guard node.kind == target.kind, node.size <= options.largestDelta else { return false }
      // Who wrote the pack that both come from has tried that already.
      if case .copied(let a) = node.form, case .copied(let b) = target.form, a.pack === b.pack { return false }
      return true
    }
  }

  /// The bytes of the object at a place; nil where they would drive out what is nearer to the one that is searched for.
  private mutating func load(_ place: Int, _ plan: PackPlan) throws(StoreError) -> [UInt8]? {
    if let bytes = window.bytes(place) { return bytes }
    let id = plan.nodes[order[place]].id
    guard let object = try source.object(id) else { throw .missing(id) }
    return window.insert(object.bytes, place) ? object.bytes : nil
  }

  /// The delta as it is written; nil where the object compresses as well without it.
  private mutating func form(_ delta: [UInt8], of target: [UInt8]) -> PackPlan.Form? {
    let compressed = compress(delta)
    // A short delta is never worse. A longer one is mostly new bytes, and each link of a chain makes reading slower.
    if delta.count > target.count / 4, compressed.count + Self.baseLength > compress(target).count * 9 / 10 {
      return nil
    }
    guard kept < options.deltaMemory else { return .remade }
    kept += compressed.count + 32
    return .delta(compressed: compressed, size: delta.count)
  }

  /// What an entry takes to name its base, about.
  private static var baseLength: Int { 2 }

  private func compress(_ bytes: [UInt8]) -> [UInt8] {
    var compressed: [UInt8] = []
    bytes.withUnsafeBytes {
      PackEntry.compress($0, level: options.level, leastSaving: options.leastSaving, into: &compressed)
    }
    // Without what was only room for the worst case.
    return Array(compressed[...])
  }
}

/// The objects that were looked at last, with the indexes that deltas were made from.
private final class DeltaWindow {
  private struct Slot {
    var place: Int
    var bytes: [UInt8]
    var index: Delta.Index?
  }

  private var slots: [Slot?]
  private let memory: Int
  private var used = 0

  init(count: Int, memory: Int) {
    slots = Array(repeating: nil, count: count + 1)
    self.memory = memory
  }

  func bytes(_ place: Int) -> [UInt8]? {
    guard let slot = slots[place % slots.count], slot.place == place else { return nil }
    return slot.bytes
  }

  /// Keeps the bytes of a place, where there is room, or is by forgetting places before it.
  func insert(_ bytes: [UInt8], _ place: Int) -> Bool {
    remove(place % slots.count)
    for other in (place + 1)..<(place + slots.count) where used + Self.cost(bytes) > memory {
      let number = other % slots.count
      if let slot = slots[number], slot.place < place { remove(number) }
    }
    guard used + Self.cost(bytes) <= memory else { return false }
    slots[place % slots.count] = Slot(place: place, bytes: bytes)
    used += Self.cost(bytes)
    return true
  }

  /// - Precondition: the place was loaded.
  func index(_ place: Int) -> Delta.Index {
    let number = place % slots.count
    if let index = slots[number]?.index { return index }
    let index = Delta.Index(slots[number]?.bytes ?? [])
    slots[number]?.index = index
    return index
  }

  private func remove(_ number: Int) {
    if let slot = slots[number] { used -= Self.cost(slot.bytes) }
    slots[number] = nil
  }

  /// With the index that may be made of it.
  private static func cost(_ bytes: [UInt8]) -> Int { bytes.count + min(bytes.count, 1 << 20) * 12 }
}
