import GitFormat

/// What is known of each object during a collection.
struct CollectMarks {
  struct Mark: OptionSet {
    var rawValue: UInt8
    /// Something that counts reaches it.
    static let reachable = Mark(rawValue: 1)
    /// It is younger than the grace time, or one that is needs it.
    static let young = Mark(rawValue: 2)
    /// It is where the collection removes nothing: in a pack that stays, or that the collection made.
    static let safe = Mark(rawValue: 4)
    /// The collection has no file that holds it: it came later, is in the journal or with an alternate, or is missing.
    static let outside = Mark(rawValue: 8)
  }

  private(set) var ids: [ObjectID] = []
  private(set) var marks: [Mark] = []
  /// When each was last written or wanted, in seconds since 1970.
  private(set) var times: [UInt32] = []
  private var table = SlotTable()

  var indices: Range<Int> { ids.indices }

  func find(_ id: ObjectID) -> Int? { table.find(id.prefix64) { ids[$0] == id } }

  /// Notes a copy of an object.
  mutating func add(_ id: ObjectID, time: UInt32, _ mark: Mark = []) {
    guard let slot = find(id) else {
      append(id, time, mark)
      return
    }
    marks[slot].formUnion(mark)
    times[slot] = max(times[slot], time)
  }

  /// Adds a mark; false where the object had it.
  mutating func insert(_ mark: Mark, _ id: ObjectID) -> Bool {
    let slot = find(id) ?? append(id, 0, .outside)
    return insert(mark, slot)
  }

  @discardableResult
  mutating func insert(_ mark: Mark, _ slot: Int) -> Bool {
    defer { marks[slot].formUnion(mark) }
    return !marks[slot].contains(mark)
  }

  @discardableResult
  private mutating func append(_ id: ObjectID, _ time: UInt32, _ mark: Mark) -> Int {
    table.insert(ids.count, id.prefix64)
    ids.append(id)
    marks.append(mark)
    times.append(time)
    return ids.count - 1
  }

  func isOutside(_ id: ObjectID) -> Bool { find(id).map { marks[$0].contains(.outside) } ?? true }

  /// Objects in files of the collection that fulfil a condition.
  func select(_ isWanted: (Mark) -> Bool) -> [Int] {
    indices.filter { !marks[$0].contains(.outside) && isWanted(marks[$0]) }
  }
}

/// Follows what objects refer to, without recursion and each once for a mark.
struct CollectWalk {
  let backend: GitBackend
  /// Commits whose parents are not looked for.
  let shallow: Set<ObjectID>
  /// Whether other repositories have a part of the objects (partial clones).
  let isPartial: Bool
  var marks: CollectMarks
  private var open: [ObjectID] = []

  init(_ backend: GitBackend, shallow: Set<ObjectID>, isPartial: Bool, _ marks: CollectMarks) {
    self.backend = backend
    self.shallow = shallow
    self.isPartial = isPartial
    self.marks = marks
  }

  /// Marks objects and all that they reach.
  ///
  /// - Parameter mayMiss: what is not there is passed over.
  /// - Throws: `.missing` where it may not be.
  mutating func mark(
    _ roots: some Sequence<ObjectID>, _ mark: CollectMarks.Mark, mayMiss: Bool
  ) throws(StoreError) {
    let mayMiss = mayMiss || isPartial
    for root in roots {
      visit(root, mark)
      while let id = open.popLast() { try expand(id, mark, mayMiss) }
    }
  }

  private mutating func visit(_ id: ObjectID, _ mark: CollectMarks.Mark) {
    if marks.insert(mark, id) { open.append(id) }
  }

  private mutating func expand(_ id: ObjectID, _ mark: CollectMarks.Mark, _ mayMiss: Bool) throws(StoreError) {
    guard let object = try backend.find(id) else {
      if mayMiss { return }
      throw .missing(id)
    }
    var blobs: [ObjectID] = []
    do throws(FormatError) {
      switch object.kind {
      case .blob: break
      case .commit:
        let commit = try CommitObject(object.bytes, backend.format)
        if !shallow.contains(id) { for parent in commit.parents { visit(parent, mark) } }
        visit(commit.tree, mark)
      case .tag: visit(try TagObject(object.bytes, backend.format).object, mark)
      case .tree: blobs = try visitEntries(of: object.bytes, mark)
      }
    } catch {
      // What nothing reaches may be anything.
      if !mayMiss { throw .malformed(error) }
    }
    guard !mayMiss else { return }
    for blob in blobs where !backend.holds(blob) { throw .missing(blob) }
  }

  /// Contents are marked without being read: they refer to nothing.
  ///
  /// - Returns: those that the collection has no file of.
  private mutating func visitEntries(
    of tree: [UInt8], _ mark: CollectMarks.Mark
  ) throws(FormatError) -> [ObjectID] {
    var strange: [ObjectID] = []
    var view = TreeView(tree.span.bytes, backend.format)
    while try view.advance() {
      switch view.mode {
      case .tree: visit(view.id, mark)
      case .commit: break
      default: if marks.insert(mark, view.id), marks.isOutside(view.id) { strange.append(view.id) }
      }
    }
    return strange
  }
}
