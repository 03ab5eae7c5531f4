// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";
import {LibBit} from "solady/utils/LibBit.sol";
import {INodePools} from "../interfaces/INodePools.sol";
import {NodePools} from "./NodePools.sol";

/// @title Drawing nodes: every available one with the same chance
/// @notice Who knows the seed must not be able to steer the draw, although nodes come and go between the block that fixes the
/// seed and the draw. So nothing here depends on how many nodes are available, or on which is the k-th of them: every node that
/// pauses would turn that over. Two methods are used, both uniform, and neither changed by another node unless the draw meets
/// that very node. Which numbers stand for which places is fixed before the seed is known (NodePools.layoutOf), and who came
/// since is not met: otherwise one could open or enlarge tiers until one likes the draw, or join only where one would be drawn.
///
/// - *Looks* (rejection sampling): at random places out of a range that is a power of two, one after another; the first three
///   available nodes that stand there are drawn. Good when many are available.
/// - *Tickets* (rendezvous hashing, Thaler and Ravishankar 1998): everyone who is available has a random number that depends
///   on the seed and his place only; the lowest win. Good when few are available. New members get tickets, too, so that a task
///   that waits for nodes finds them; but theirs are higher than all others: one can see beforehand where a low one would be.
library NodeDraw {
    using NodePools for NodePools.Pools;

    /// @dev Looks before words without anybody available are passed over: to know them costs one more storage word.
    uint256 private constant _BLIND_LOOKS = 16;
    /// @dev Looks before tickets are handed out: these; and in large networks, where there may be many tickets, some more for each
    /// word in which anybody is available.
    uint256 private constant _LOOKS = 24;
    uint256 private constant _LOOKS_FOR_A_WORD = 4;
    uint256 private constant _FEW_WORDS = 4;
    /// @dev Random numbers for those looks. At least one in four was the place of a member when the draw block was fixed; members may have
    /// gone since.
    uint256 private constant _NUMBERS = 8_192;
    uint256 private constant _NUMBERS_FOR_A_LOOK = 16;
    /// @dev Puts the tickets of new members behind all others.
    uint256 private constant _NEW = 1 << 255;
    /// @dev Available nodes met that do not fit (GPU model, VRAM inside of a tier, too new), before tickets are handed out.
    uint256 private constant _MISFITS = 24;
    /// @dev Members read to learn their VRAM, while tickets are handed out or fitting members are counted.
    uint256 private constant _READS = 64;
    /// @dev Random nodes whose GPU model is tried, when any model will do, and then models in turn.
    uint256 private constant _LEADERS = 8;
    uint256 private constant _TURNS = 32;
    uint256 private constant _NOBODY = type(uint256).max;
    uint256 private constant _SHARE = (1 << 28) - 1;

    struct Search {
        // Who fits.
        uint256 modelId; // 0 for any
        uint256 minVramGb;
        bool readsVram; // members of the lowest tier may have too little
        // Where they stand.
        uint256 lowest; // tier; those below are left out
        uint256 sizes; // of the tiers, as in NodePools
        uint256 shares; // of the range of places, see _begin
        uint256 mask; // for a random number: the range is a power of two
        uint256 drawBlock; // members that came later are met by no look
        // Who was found.
        uint256 wanted;
        uint256 found;
        uint256[3] places;
    }

    /// @notice Takes three distinct available members, who are then not available.
    /// @param modelId Of this GPU model only; 0 for any.
    /// @return wallets Whom it took.
    /// @return found How many there were, up to 3. Below 3 nobody was taken.
    function takeThree(NodePools.Pools storage pools, INodePools.Draw calldata request, uint256 modelId)
        internal
        returns (address[3] memory wallets, uint256 found)
    {
        Search memory search = _begin(pools, request.layout, request.minVramGb, modelId);
        search.drawBlock = request.drawBlock;
        _find(pools, search, request.seed, 3);
        found = search.found;
        if (found != 3) return (wallets, found);
        for (uint256 i = 0; i < 3; ++i) {
            wallets[i] = pools.members[search.places[i]].wallet;
            pools.setAvailable(search.places[i], false);
        }
    }

    /// @notice A GPU model of which three fitting members are available, or 0. A random node leads, so that a model's chance is its
    /// share of all nodes: with equal chances for all models, three nodes under a made-up name would get every other task to
    /// themselves.
    /// @param models How many models there are; their ids are 1…models.
    function chooseModel(NodePools.Pools storage pools, INodePools.Draw calldata request, uint256 models)
        internal
        view
        returns (uint256 modelId)
    {
        bytes32 seed = request.seed;
        uint256 minVramGb = request.minVramGb;
        Search memory leaders = _begin(pools, request.layout, minVramGb, 0);
        leaders.drawBlock = request.drawBlock;
        for (uint256 i = 0; i < _LEADERS; ++i) {
            seed = EfficientHashLib.hash(seed);
            _find(pools, leaders, seed, 1);
            if (leaders.found == 0) return 0;
            modelId = pools.members[leaders.places[0]].modelId;
            if (_hasThree(pools, minVramGb, modelId)) return modelId;
        }
        uint256 turns = models < _TURNS ? models : _TURNS;
        for (uint256 i = 0; i < turns; ++i) {
            modelId = addmod(uint256(seed), i, models) + 1;
            if (_hasThree(pools, minVramGb, modelId)) return modelId;
        }
        return 0;
    }

    /// @notice How many members fit and are available. Looks at every one of them: for callers outside of the chain.
    function countFitting(NodePools.Pools storage pools, uint256 minVramGb, uint256 modelId)
        internal
        view
        returns (uint256)
    {
        uint256 unbounded = type(uint256).max;
        return _count(pools, _begin(pools, 0, minVramGb, modelId), unbounded, unbounded);
    }

    // ---- searching

    /// @dev Each tier of the layout has a share of the range of numbers. `shares` has 32 bits for each, the lowest tier rightmost: 28
    /// bits for the end of the share, and the number of the tier. Who joined a tier that had no room for him when the layout
    /// was fixed is met by no look; he gets a ticket like everyone else.
    function _begin(NodePools.Pools storage pools, uint40 layout, uint256 minVramGb, uint256 modelId)
        private
        view
        returns (Search memory search)
    {
        search.modelId = modelId;
        search.minVramGb = minVramGb;
        uint256 tier = NodePools.tierOf(minVramGb);
        search.lowest = tier;
        // A tier whose first value is asked for holds nobody with less; and everybody has 1 GB.
        search.readsVram = minVramGb > 1 && NodePools.tierOf(minVramGb - 1) == tier;
        search.sizes = pools.sizes;
        uint256 end;
        uint256 offset;
        uint256 shares;
        unchecked {
            for (uint256 powers = layout >> (5 * tier); powers != 0; powers >>= 5) {
                uint256 power = powers & 31;
                if (power != 0) {
                    end += 1 << (power - 1);
                    shares |= ((tier << 28) | end) << offset;
                    offset += 32;
                }
                ++tier;
            }
        }
        (search.shares, search.mask) = (shares, end <= 1 ? 0 : (2 << LibBit.fls(end - 1)) - 1);
    }

    /// @dev Finds `wanted` distinct available members that fit, or as many as there are.
    function _find(NodePools.Pools storage pools, Search memory search, bytes32 seed, uint256 wanted) private view {
        (search.wanted, search.found) = (wanted, 0);
        uint256 looks;
        // Where there was nobody, no number is anybody's place.
        uint256 most = search.shares == 0 ? 0 : _LOOKS;
        uint256 misfits;
        uint256 numbers;
        bytes32 chain = seed;
        // Counters that stay far below their types' ends.
        unchecked {
            for (uint256 i = 0; i < _NUMBERS && i < most * _NUMBERS_FOR_A_LOOK; ++i) {
                if (i & 7 == 0) {
                    chain = EfficientHashLib.hash(chain);
                    numbers = uint256(chain);
                }
                uint256 place = _placeAt(search, numbers & search.mask);
                numbers >>= 32;
                if (place == _NOBODY) continue;

                if (looks == _LOOKS) most += _moreLooks(pools, search);
                if (++looks > most) break;
                if (looks > _BLIND_LOOKS && !_hasOccupiedWord(pools, place)) continue;
                if (!pools.isAvailable(place)) continue;
                if (!_fits(pools, search, place)) {
                    if (++misfits == _MISFITS) break;
                } else if (_add(search, place)) {
                    return;
                }
            }
        }
        // Not `chain`: how many looks there were, those who were met and did not fit can change.
        _findByTickets(pools, search, seed);
    }

    /// @dev Whose place a random number is; _NOBODY for nobody's.
    function _placeAt(Search memory search, uint256 number) private pure returns (uint256) {
        uint256 start;
        // Shifts and differences of 28-bit numbers.
        unchecked {
            for (uint256 shares = search.shares; shares != 0; shares >>= 32) {
                uint256 end = shares & _SHARE;
                if (number < end) {
                    uint256 tier = (shares >> 28) & 7;
                    number -= start;
                    return number < NodePools.sizeOf(search.sizes, tier) ? NodePools.placeOf(tier, number) : _NOBODY;
                }
                start = end;
            }
        }
        return _NOBODY;
    }

    /// @dev Adds a place to those that were found, if it is not among them. Whether there are enough now.
    function _add(Search memory search, uint256 place) private pure returns (bool) {
        uint256 found = search.found;
        unchecked {
            for (uint256 i = 0; i < found; ++i) {
                if (search.places[i] == place) return false;
            }
            search.places[found] = place;
            search.found = ++found;
        }
        return found == search.wanted;
    }

    function _findByTickets(NodePools.Pools storage pools, Search memory search, bytes32 seed) private view {
        uint256 first = search.found;
        uint256[3] memory tickets = [type(uint256).max, type(uint256).max, type(uint256).max];
        uint256 reads = _READS;
        for (uint256 tier = search.lowest; tier < NodePools.TIERS; ++tier) {
            for (uint256 word = pools.occupiedWord(search.sizes, tier, 0); word != NodePools.NONE;) {
                for (uint256 bits = _fittingIn(pools, search, tier, word); bits != 0; bits &= bits - 1) {
                    uint256 place = NodePools.placeOf(tier, word * NodePools.WORD + LibBit.ffs(bits));
                    if (search.readsVram && tier == search.lowest) {
                        if (reads == 0) break;
                        --reads;
                        if (pools.members[place].vramGb < search.minVramGb) continue;
                    }
                    _rank(pools, search, tickets, first, place, seed);
                }
                word = pools.occupiedWord(search.sizes, tier, word + 1);
            }
        }
    }

    /// @dev Puts a place among those with the lowest tickets. Places before `first` were found otherwise.
    function _rank(
        NodePools.Pools storage pools,
        Search memory search,
        uint256[3] memory tickets,
        uint256 first,
        uint256 place,
        bytes32 seed
    ) private view {
        uint256 ticket = uint256(EfficientHashLib.hash(seed, bytes32(place))) >> 1;
        uint256 rank = search.wanted;
        // Before a member is read, which few tickets are worth.
        if (ticket >= tickets[rank - 1]) return;
        if (pools.members[place].sinceBlock > search.drawBlock) ticket |= _NEW;
        while (rank != first && ticket < tickets[rank - 1]) --rank;
        if (rank == search.wanted) return;
        for (uint256 i = 0; i < first; ++i) {
            if (search.places[i] == place) return;
        }
        for (uint256 i = search.wanted - 1; i > rank; --i) {
            (tickets[i], search.places[i]) = (tickets[i - 1], search.places[i - 1]);
        }
        (tickets[rank], search.places[rank]) = (ticket, place);
        if (search.found < search.wanted) ++search.found;
    }

    // ---- who fits

    function _fits(NodePools.Pools storage pools, Search memory search, uint256 place) private view returns (bool) {
        if (search.modelId != 0) {
            (uint256 tier, uint256 position) = (NodePools.tierAt(place), NodePools.positionAt(place));
            uint256 bits = pools.ofModelIn(search.modelId, tier, position / NodePools.WORD);
            if ((bits >> (position % NodePools.WORD)) & 1 == 0) return false;
        }
        NodePools.Member storage member = pools.members[place];
        if (member.sinceBlock > search.drawBlock) return false;
        return !search.readsVram || NodePools.tierAt(place) != search.lowest || member.vramGb >= search.minVramGb;
    }

    /// @dev The available members of a word that have the GPU model.
    function _fittingIn(NodePools.Pools storage pools, Search memory search, uint256 tier, uint256 word)
        private
        view
        returns (uint256 bits)
    {
        bits = type(uint256).max;
        if (search.modelId != 0) bits = pools.ofModelIn(search.modelId, tier, word);
        if (bits != 0) bits &= pools.availableIn(tier, word);
    }

    function _hasOccupiedWord(NodePools.Pools storage pools, uint256 place) private view returns (bool) {
        uint256 word = NodePools.positionAt(place) / NodePools.WORD;
        return (pools.occupiedIn(NodePools.tierAt(place), word / NodePools.WORD) >> (word % NodePools.WORD)) & 1 != 0;
    }

    /// @dev See _LOOKS.
    function _moreLooks(NodePools.Pools storage pools, Search memory search) private view returns (uint256) {
        uint256 count;
        for (uint256 tier = search.lowest; tier < NodePools.TIERS; ++tier) {
            uint256 words = NodePools.sizeOf(search.sizes, tier) / NodePools.WORD + 1;
            for (uint256 index = 0; index * NodePools.WORD < words; ++index) {
                count += LibBit.popCount(pools.occupiedIn(tier, index));
            }
        }
        return count > _FEW_WORDS ? count * _LOOKS_FOR_A_WORD : 0;
    }

    function _hasThree(NodePools.Pools storage pools, uint256 minVramGb, uint256 modelId) private view returns (bool) {
        return pools.models[modelId].size >= 3 && _count(pools, _begin(pools, 0, minVramGb, modelId), 3, _READS) >= 3;
    }

    /// @dev How many fit and are available, counting no further than `enough` and reading the VRAM of no more than `reads`.
    function _count(NodePools.Pools storage pools, Search memory search, uint256 enough, uint256 reads)
        private
        view
        returns (uint256 count)
    {
        for (uint256 tier = search.lowest; tier < NodePools.TIERS; ++tier) {
            bool readsVram = search.readsVram && tier == search.lowest;
            for (uint256 word = pools.occupiedWord(search.sizes, tier, 0); word != NodePools.NONE;) {
                uint256 bits = _fittingIn(pools, search, tier, word);
                if (!readsVram) {
                    count += LibBit.popCount(bits);
                } else {
                    for (; bits != 0 && reads != 0; bits &= bits - 1) {
                        --reads;
                        uint256 place = NodePools.placeOf(tier, word * NodePools.WORD + LibBit.ffs(bits));
                        if (pools.members[place].vramGb >= search.minVramGb) ++count;
                    }
                }
                if (count >= enough) return count;
                word = pools.occupiedWord(search.sizes, tier, word + 1);
            }
        }
    }
}
