import GitFormat
import VersionedStore

/// What one person sees of a repository's references, at one moment.
struct VisibleReferences {
  /// HEAD first where it names something, then all in order of name.
  let references: [RemoteReference]
  let head: RefName
  /// Whether there are references that the person does not see.
  let someAreHidden: Bool
  /// Whether the person may see the reference that HEAD names, be it there or not.
  let headIsVisible: Bool

  init(_ backend: any Backend, _ policy: ServerPolicy) throws(StoreError) {
    let all = try backend.references(under: "refs/")
    let visible = all.filter { policy.mayRead($0.name) }
    someAreHidden = visible.count < all.count
    let head = try backend.headTarget
    self.head = head
    headIsVisible = policy.mayRead(head)
    var list: [RemoteReference] = []
    if let current = visible.first(where: { $0.name == head }) {
      list.append(RemoteReference(.head, current.id, target: head))
    }
    for (name, id) in visible {
      var peeled: ObjectID?
      if name.text.hasPrefix("refs/tags/") {
        let (target, _, tags) = try backend.peel(id)
        if !tags.isEmpty { peeled = target }
      }
      list.append(RemoteReference(name, id, peeled: peeled))
    }
    references = list
  }

  /// What can be asked for by identifier at once.
  var tips: Set<ObjectID> { Set(references.flatMap { [$0.id, $0.peeled].compactMap(\.self) }) }

  func id(of name: String) -> ObjectID? { references.first { $0.name.text == name }?.id }
}
