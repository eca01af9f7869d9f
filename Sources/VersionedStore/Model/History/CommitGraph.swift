import GitFormat

/// Commits as walks need them: what they stand on and when they were made. Read once, and then known by number.
///
/// Belongs to one walk, on one thread.
final class CommitGraph {
  struct Node {
    let id: ObjectID
    var tree: ObjectID
    /// Of the committer, as the commit says; clocks may have been wrong.
    var time: Int64
    /// By number.
    var parents: [Int]
  }

  private let objects: any ObjectReader
  private let shallow: Set<ObjectID>
  private var numbers: [ObjectID: Int] = [:]
  /// In order of number.
  private(set) var nodes: [Node] = []
  private var isLoaded: [Bool] = []

  init(_ objects: any ObjectReader, shallow: Set<ObjectID>) {
    self.objects = objects
    self.shallow = shallow
  }

  var format: ObjectFormat { objects.format }

  /// A commit's number, whether it has been read or not.
  func number(_ id: ObjectID) -> Int {
    if let number = numbers[id] { return number }
    let number = nodes.count
    numbers[id] = number
    nodes.append(Node(id: id, tree: .zero(id.format), time: 0, parents: []))
    isLoaded.append(false)
    return number
  }

  /// A commit, read if it has not been yet. At the shallow boundary it has no parents.
  func node(_ number: Int) throws(StoreError) -> Node {
    if !isLoaded[number] { try load(number) }
    return nodes[number]
  }

  private func load(_ number: Int) throws(StoreError) {
    let id = nodes[number].id
    let commit = try Commit(id, in: objects).object
    nodes[number].tree = commit.tree
    nodes[number].time = commit.committer.time
    isLoaded[number] = true
    guard !shallow.contains(id) else { return }
    var parents: [Int] = []
    parents.reserveCapacity(commit.parents.count)
    // A parent named twice is one.
    for parent in commit.parents.map({ self.number($0) }) where !parents.contains(parent) { parents.append(parent) }
    nodes[number].parents = parents
  }
}
