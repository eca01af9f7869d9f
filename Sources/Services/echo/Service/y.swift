public func y() {}
