import GitFormat

extension GitBackend {
  /// Checks that what a batch refers to and does not bring along is here: a collection may have taken it away after the
  /// change was begun.
  ///
  /// What is here is here with all that it refers to, for collections keep it so.
  func checkReferents(of batch: Batch) throws(StoreError) {
    // What other processes removed is not taken for there.
    _ = packs.openPacks()
    let own = Set(batch.objects.map(\.id))
    for change in batch.refs { if let id = change.new, !own.contains(id) { try check(id) } }
    let shallow = try references.shallow()
    for new in batch.objects where !shallow.contains(new.id) {
      do throws(StoreError) {
        for id in try referents(of: new.object) where !own.contains(id) { try check(id) }
      } catch {
        if case .malformed = error { continue }
        throw error
      }
    }
  }

  private func check(_ id: ObjectID) throws(StoreError) {
    guard try contains(id) else { throw .missing(id) }
  }

  private func referents(of object: GitObject) throws(StoreError) -> [ObjectID] {
    do throws(FormatError) {
      switch object.kind {
      case .blob: return []
      case .commit:
        return [try CommitObject(object.bytes, format).tree] + (try CommitObject(object.bytes, format).parents)
      case .tag: return [try TagObject(object.bytes, format).object]
      case .tree:
        var ids: [ObjectID] = []
        var view = TreeView(object.bytes.span.bytes, format)
        while try view.advance() { if view.mode != .commit { ids.append(view.id) } }
        return ids
      }
    } catch { throw .malformed(error) }
  }
}
