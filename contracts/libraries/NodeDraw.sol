// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";
import {LibBit} from "solady/utils/LibBit.sol";
import {NodePools} from "./NodePools.sol";

/// @title Drawing nodes: every available one with the same chance
/// @notice Who knows the seed must not be able to steer the draw, although nodes come and go between the block that fixes the
/// seed and the draw. So nothing here counts "the k-th available node", which every node that pauses would turn over. Two
/// methods are used, both uniform, and neither changed by another node unless the draw meets that very node:
///
/// - *Tries* (rejection sampling): a random place out of a range that is a power of two; if nobody fitting stands there, another.
///   Good when many are available.
/// - *Tickets* (rendezvous hashing: Thaler and Ravishankar 1998): everyone who is available has a random number that depends on
///   the seed and its place only; the lowest wins. Good when few are available.
///
/// Tries are made on two levels. A place first stands for its word of 255 neighbours: it hits when its offset is below the
/// number of those who are available (which is known without reading the word), so words are met in proportion to that number.
/// Then an available place is drawn inside of the word. A draw thus reads one word for each node, however many tries it takes.
library NodeDraw {
    using NodePools for NodePools.Pools;

    /// @dev Nodes drawn that turn out not to fit (GPU model; VRAM inside of a tier), before all that fit get tickets.
    uint256 private constant _MISFITS = 16;
    /// @dev Members read to learn their VRAM, while tickets are handed out or fitting members are counted.
    uint256 private constant _LOOKS = 64;
    /// @dev Random nodes whose GPU model is tried, when any model will do, and then models in turn.
    uint256 private constant _LEADERS = 8;
    uint256 private constant _TURNS = 32;

    /// @dev What a draw knows of the pools, in memory. Arrays are indexed by tier; tiers below `lowest` are left out.
    struct Urn {
        uint256 lowest;
        uint256 available; // members that may be drawn, in all tiers
        uint256 mask; // a power of two minus one: the range of places
        uint256[8] sizes;
        uint256[8] ends; // of each tier's share of that range, which is a power of two as well
        uint256[8] firstCounts; // index of each tier's first word in `counts`
        uint256[] counts;
    }

    /// @dev Who fits.
    struct Wish {
        uint256 modelId; // 0 for any
        uint256 minVramGb;
        bool looksAtVram; // members of the lowest tier may have too little
    }

    /// @notice Takes three distinct available members, who are then not available.
    /// @param seed Decides who is drawn.
    /// @param minVramGb The least VRAM, GB.
    /// @param modelId Of this GPU model only; 0 for any.
    /// @return wallets Whom it took.
    /// @return found How many there were, up to 3. Below 3 the caller has to revert.
    function takeThree(NodePools.Pools storage pools, bytes32 seed, uint256 minVramGb, uint256 modelId)
        internal
        returns (address[3] memory wallets, uint256 found)
    {
        Urn memory urn = _load(pools, minVramGb);
        Wish memory wish = _wish(minVramGb, modelId);
        for (; found < 3; ++found) {
            (bool any, uint256 tier, uint256 position) = _pick(pools, urn, wish, _nth(seed, found));
            if (!any) return (wallets, found);
            wallets[found] = pools.members[tier][position].wallet;
            _take(pools, urn, tier, position);
        }
        _store(pools, urn);
    }

    /// @notice A GPU model of which three fitting members are available, or 0. A random node leads, so that a model's chance is its
    /// share of all nodes: with equal chances for all models, three nodes under a made-up name would get every other task to
    /// themselves.
    /// @param models How many models there are; their ids are 1…models.
    function chooseModel(NodePools.Pools storage pools, bytes32 seed, uint256 minVramGb, uint256 models)
        internal
        view
        returns (uint256 modelId)
    {
        Urn memory urn = _load(pools, minVramGb);
        Wish memory anyone = _wish(minVramGb, 0);
        for (uint256 i = 0; i < _LEADERS; ++i) {
            seed = EfficientHashLib.hash(seed);
            (bool any, uint256 tier, uint256 position) = _pick(pools, urn, anyone, seed);
            if (!any) return 0;
            modelId = pools.members[tier][position].modelId;
            if (pools.models[modelId].size >= 3 && _count(pools, urn, _wish(minVramGb, modelId), 3) >= 3) return modelId;
        }
        uint256 turns = models < _TURNS ? models : _TURNS;
        for (uint256 i = 0; i < turns; ++i) {
            modelId = addmod(uint256(seed), i, models) + 1;
            if (pools.models[modelId].size >= 3 && _count(pools, urn, _wish(minVramGb, modelId), 3) >= 3) return modelId;
        }
        return 0;
    }

    /// @notice How many members fit and are available. Looks at every one of them: for callers outside of the chain.
    function countFitting(NodePools.Pools storage pools, uint256 minVramGb, uint256 modelId)
        internal
        view
        returns (uint256)
    {
        return _count(pools, _load(pools, minVramGb), _wish(minVramGb, modelId), type(uint256).max);
    }

    // ---- the urn

    function _load(NodePools.Pools storage pools, uint256 minVramGb) private view returns (Urn memory urn) {
        urn.lowest = NodePools.tierOf(minVramGb);
        uint256 sizes = pools.sizes;
        uint256 end;
        uint256 words;
        for (uint256 tier = urn.lowest; tier < NodePools.TIERS; ++tier) {
            uint256 size = NodePools.sizeOf(sizes, tier);
            urn.firstCounts[tier] = words;
            if (size != 0) {
                urn.sizes[tier] = size;
                end += _maskFor(size) + 1;
                words += _countsOf(size);
            }
            urn.ends[tier] = end;
        }
        urn.mask = _maskFor(end);
        urn.counts = new uint256[](words);
        for (uint256 tier = urn.lowest; tier < NodePools.TIERS; ++tier) {
            if (urn.sizes[tier] == 0) continue;
            uint256 first = urn.firstCounts[tier];
            uint256 number = _countsOf(urn.sizes[tier]);
            for (uint256 i = 0; i < number; ++i) {
                uint256 counts = pools.counts[tier][i];
                urn.counts[first + i] = counts;
                urn.available += _sumOfBytes(counts);
            }
        }
    }

    /// @dev Writes the counts that `_take` changed.
    function _store(NodePools.Pools storage pools, Urn memory urn) private {
        for (uint256 tier = urn.lowest; tier < NodePools.TIERS; ++tier) {
            if (urn.sizes[tier] == 0) continue;
            uint256 first = urn.firstCounts[tier];
            uint256 number = _countsOf(urn.sizes[tier]);
            for (uint256 i = 0; i < number; ++i) {
                if (pools.counts[tier][i] != urn.counts[first + i]) pools.counts[tier][i] = urn.counts[first + i];
            }
        }
    }

    function _take(NodePools.Pools storage pools, Urn memory urn, uint256 tier, uint256 position) private {
        uint256 word = position / NodePools.WORD;
        pools.available[tier][word] ^= 1 << (position % NodePools.WORD);
        --urn.available;
        urn.counts[urn.firstCounts[tier] + word / NodePools.COUNTS] -= 1 << ((word % NodePools.COUNTS) * 8);
    }

    /// @dev How many members of a word are available.
    function _countOf(Urn memory urn, uint256 tier, uint256 word) private pure returns (uint256) {
        return (urn.counts[urn.firstCounts[tier] + word / NodePools.COUNTS] >> ((word % NodePools.COUNTS) * 8)) & 0xff;
    }

    /// @dev Number of words of counts for a tier of `size` members.
    function _countsOf(uint256 size) private pure returns (uint256) {
        uint256 each = NodePools.WORD * NodePools.COUNTS;
        return (size + each - 1) / each;
    }

    // ---- picking

    function _wish(uint256 minVramGb, uint256 modelId) private pure returns (Wish memory) {
        // A tier whose first value is asked for holds nobody with less.
        bool inside = minVramGb != 0 && NodePools.tierOf(minVramGb) == NodePools.tierOf(minVramGb - 1);
        return Wish({modelId: modelId, minVramGb: minVramGb, looksAtVram: inside && minVramGb > 1});
    }

    function _pick(NodePools.Pools storage pools, Urn memory urn, Wish memory wish, bytes32 seed)
        private
        view
        returns (bool any, uint256 tier, uint256 position)
    {
        if (urn.available == 0) return (false, 0, 0);
        bool everyoneFits = wish.modelId == 0 && !wish.looksAtVram;
        for (uint256 i = 0; i < _MISFITS; ++i) {
            seed = EfficientHashLib.hash(seed);
            uint256 word;
            (tier, word) = _pickWord(urn, seed);
            position = word * NodePools.WORD
                + _pickBit(pools.available[tier][word], urn.sizes[tier] - word * NodePools.WORD, seed);
            if (everyoneFits || _fits(pools, urn, wish, tier, position)) return (true, tier, position);
        }
        return _pickByTickets(pools, urn, wish, seed);
    }

    function _fits(NodePools.Pools storage pools, Urn memory urn, Wish memory wish, uint256 tier, uint256 position)
        private
        view
        returns (bool)
    {
        if (wish.modelId != 0) {
            uint256 bits = pools.models[wish.modelId].members[tier][position / NodePools.WORD];
            if ((bits >> (position % NodePools.WORD)) & 1 == 0) return false;
        }
        return !wish.looksAtVram || tier != urn.lowest || pools.members[tier][position].vramGb >= wish.minVramGb;
    }

    /// @dev A word with available members, in proportion to their number. There must be at least one.
    function _pickWord(Urn memory urn, bytes32 seed) private pure returns (uint256 tier, uint256 word) {
        // So many that tickets, which cost as much as there are members available, are cheaper than more tries. Rounded to a power
        // of two, so that one node more or less hardly ever moves the border between the two.
        uint256 tries = 16 + _maskFor(urn.available);
        uint256 numbers;
        for (uint256 i = 0; i < tries; ++i) {
            if (i & 7 == 0) {
                seed = EfficientHashLib.hash(seed);
                numbers = uint256(seed);
            }
            uint256 position = numbers & urn.mask;
            numbers >>= 32;
            tier = urn.lowest;
            uint256 start;
            while (tier < NodePools.TIERS && position >= urn.ends[tier]) {
                start = urn.ends[tier];
                ++tier;
            }
            if (tier == NodePools.TIERS) continue;
            position -= start;
            if (position >= urn.sizes[tier]) continue;
            word = position / NodePools.WORD;
            if (position % NodePools.WORD < _countOf(urn, tier, word)) return (tier, word);
        }

        uint256 lowest = type(uint256).max;
        for (uint256 t = urn.lowest; t < NodePools.TIERS; ++t) {
            for (uint256 w = 0; w * NodePools.WORD < urn.sizes[t]; ++w) {
                uint256 count = _countOf(urn, t, w);
                for (uint256 i = 0; i < count; ++i) {
                    uint256 ticket = _ticket(seed, t, w * NodePools.WORD + i);
                    if (ticket < lowest) (lowest, tier, word) = (ticket, t, w);
                }
            }
        }
    }

    /// @dev One of the bits that are set, all with the same chance. There must be at least one.
    /// @param members How many members the word has, or more.
    function _pickBit(uint256 bits, uint256 members, bytes32 seed) private pure returns (uint256 bit) {
        uint256 mask = _maskFor(members < NodePools.WORD ? members : NodePools.WORD);
        uint256 tries = 8 + _maskFor(LibBit.popCount(bits));
        uint256 numbers;
        for (uint256 i = 0; i < tries; ++i) {
            if (i & 31 == 0) {
                // The seed itself was used up for the word.
                seed = EfficientHashLib.hash(seed, seed);
                numbers = uint256(seed);
            }
            bit = numbers & mask;
            if ((bits >> bit) & 1 != 0) return bit;
            numbers >>= 8;
        }
        uint256 lowest = type(uint256).max;
        for (; bits != 0; bits &= bits - 1) {
            uint256 next = LibBit.ffs(bits);
            uint256 ticket = _ticket(seed, 0, next);
            if (ticket < lowest) (lowest, bit) = (ticket, next);
        }
    }

    function _pickByTickets(NodePools.Pools storage pools, Urn memory urn, Wish memory wish, bytes32 seed)
        private
        view
        returns (bool any, uint256 tier, uint256 position)
    {
        uint256 lowest = type(uint256).max;
        uint256 looks = _LOOKS;
        for (uint256 t = urn.lowest; t < NodePools.TIERS; ++t) {
            bool looksHere = wish.looksAtVram && t == urn.lowest;
            for (uint256 w = 0; w * NodePools.WORD < urn.sizes[t]; ++w) {
                for (uint256 bits = _fittingBits(pools, urn, wish, t, w); bits != 0; bits &= bits - 1) {
                    uint256 candidate = w * NodePools.WORD + LibBit.ffs(bits);
                    if (looksHere) {
                        if (looks == 0) break;
                        --looks;
                        if (pools.members[t][candidate].vramGb < wish.minVramGb) continue;
                    }
                    uint256 ticket = _ticket(seed, t, candidate);
                    if (ticket <= lowest) (lowest, any, tier, position) = (ticket, true, t, candidate);
                }
            }
        }
    }

    /// @dev How many fit and are available, counting no further than `enough`; for a bounded `enough` it also looks at a bounded
    /// number of members.
    function _count(NodePools.Pools storage pools, Urn memory urn, Wish memory wish, uint256 enough)
        private
        view
        returns (uint256 count)
    {
        uint256 looks = enough == type(uint256).max ? enough : _LOOKS;
        for (uint256 tier = urn.lowest; tier < NodePools.TIERS; ++tier) {
            bool looksHere = wish.looksAtVram && tier == urn.lowest;
            for (uint256 word = 0; word * NodePools.WORD < urn.sizes[tier]; ++word) {
                uint256 bits = _fittingBits(pools, urn, wish, tier, word);
                if (!looksHere) {
                    count += LibBit.popCount(bits);
                } else {
                    for (; bits != 0 && looks != 0; bits &= bits - 1) {
                        --looks;
                        uint256 position = word * NodePools.WORD + LibBit.ffs(bits);
                        if (pools.members[tier][position].vramGb >= wish.minVramGb) ++count;
                    }
                }
                if (count >= enough) return count;
            }
        }
    }

    /// @dev The available members of a word that have the GPU model.
    function _fittingBits(NodePools.Pools storage pools, Urn memory urn, Wish memory wish, uint256 tier, uint256 word)
        private
        view
        returns (uint256 bits)
    {
        if (_countOf(urn, tier, word) == 0) return 0;
        bits = type(uint256).max;
        if (wish.modelId != 0) bits = pools.models[wish.modelId].members[tier][word];
        if (bits != 0) bits &= pools.available[tier][word];
    }

    // ---- numbers

    function _nth(bytes32 seed, uint256 n) private pure returns (bytes32) {
        return EfficientHashLib.hash(seed, bytes32(n));
    }

    function _ticket(bytes32 seed, uint256 tier, uint256 position) private pure returns (uint256) {
        return uint256(EfficientHashLib.hash(seed, bytes32((tier << 128) | position)));
    }

    /// @dev The lowest power of two that is not below `number` (at least 1), minus one.
    function _maskFor(uint256 number) private pure returns (uint256) {
        return number <= 1 ? 0 : type(uint256).max >> (255 - LibBit.fls(number - 1));
    }

    function _sumOfBytes(uint256 word) private pure returns (uint256 sum) {
        uint256 pairs = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        word = (word & pairs) + ((word >> 8) & pairs);
        // Sixteen numbers of at most 510: the leftmost of the products' 16-bit places collects them all.
        unchecked {
            sum = (word * 0x0001000100010001000100010001000100010001000100010001000100010001) >> 240;
        }
    }
}
