import GitFormat
public import VersionedStore

extension ServerPolicy {
  /// What somebody's rights allow over the network.
  ///
  /// - Parameters:
  ///   - access: the rights.
  ///   - mails: the person's addresses, at least one; the first stands in reflogs.
  ///   - requiresOwnCommitter: whether pushed commits that are new to the person have to be committed by one of them.
  ///   - backend: the repository.
  ///   - now: the clock, seconds since 1970.
  public init(
    _ access: Access, mails: [String], requiresOwnCommitter: Bool = false, of backend: any Backend,
    now: @escaping @Sendable () -> Int64
  ) {
    let name = access.principal.name
    self.init(person: Signature(name: name, email: mails.first ?? "\(name)@lares", time: now()), now: now)
    mayRead = { access.may(.read, $0) }
    mayWrite = { access.mayChange($0) }
    // Which of the two it is, is looked at with the rest.
    mayRewind = { access.may(.rewind, $0) || access.may(.delete, $0) }
    check = { (push) throws(StoreError) in
      let check = ChangeCheck(
        access, committers: requiresOwnCommitter ? Set(mails) : nil, of: backend, with: push.objects)
      var refusals: [RefName: PushRefusal] = [:]
      for change in push.changes {
        if let problem = try check.problem(with: change) { refusals[change.name] = PushRefusal(problem) }
      }
      return refusals
    }
  }
}
