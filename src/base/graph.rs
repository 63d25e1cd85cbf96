//! A dependency graph over indices, with its order and its cycles.

/// The edges of the graph. `needs[i]` holds the indices that node `i` waits for.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    pub needs: Vec<Vec<usize>>,
}

impl Graph {
    pub fn len(&self) -> usize {
        self.needs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.needs.is_empty()
    }

    /// The nodes that wait for each node.
    pub fn dependents(&self) -> Vec<Vec<usize>> {
        let mut dependents = vec![Vec::new(); self.len()];
        for (node, needs) in self.needs.iter().enumerate() {
            for &need in needs {
                if let Some(list) = dependents.get_mut(need) {
                    list.push(node);
                }
            }
        }
        dependents
    }

    /// Every node, placed after all nodes that it needs, otherwise in index order.
    ///
    /// If the graph has a cycle, the error is one cycle as a path: each node needs the next, and
    /// the last needs the first.
    pub fn order(&self) -> Result<Vec<usize>, Vec<usize>> {
        let dependents = self.dependents();
        let mut missing: Vec<usize> = self.needs.iter().map(Vec::len).collect();
        let mut ready: std::collections::BTreeSet<usize> =
            missing.iter().enumerate().filter(|(_, m)| **m == 0).map(|(i, _)| i).collect();
        let mut order = Vec::with_capacity(self.len());
        while let Some(node) = ready.pop_first() {
            order.push(node);
            for &next in &dependents[node] {
                missing[next] -= 1;
                if missing[next] == 0 {
                    ready.insert(next);
                }
            }
        }
        if order.len() == self.len() {
            return Ok(order);
        }
        Err(self.cycle_among(&missing))
    }

    /// Walks from any waiting node to a waiting need, again and again, until it meets a node twice.
    fn cycle_among(&self, missing: &[usize]) -> Vec<usize> {
        let Some(mut node) = missing.iter().position(|m| *m > 0) else { return Vec::new() };
        let mut path: Vec<usize> = Vec::new();
        let mut place = vec![usize::MAX; self.len()];
        loop {
            if place[node] != usize::MAX {
                return path.split_off(place[node]);
            }
            place[node] = path.len();
            path.push(node);
            let Some(&next) = self.needs[node].iter().find(|n| missing[**n] > 0) else { return path };
            node = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_respects_needs_and_index() {
        let graph = Graph { needs: vec![vec![2], vec![], vec![1], vec![]] };
        assert_eq!(graph.order().unwrap(), [1, 2, 0, 3]);
    }

    #[test]
    fn a_cycle_is_named_as_a_path() {
        // 0 needs 1 needs 2 needs 0. Node 3 waits for the cycle but is not part of it.
        let graph = Graph { needs: vec![vec![1], vec![2], vec![0], vec![0]] };
        assert_eq!(graph.order().unwrap_err(), [0, 1, 2]);
        assert_eq!(Graph { needs: vec![vec![0]] }.order().unwrap_err(), [0]);
    }
}
